"""What the pages of studies say of contrasts is computed again from the runs that are stored beside them."""

import csv
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from moe_lab.statistics import sign_flip_p
from moe_lab.statistics.intervals import rate
from tests.docs.sentences import Kept

PAGE = Path(__file__).parents[2] / "docs" / "studies" / "krishnamurthy2023.md"
#: the sign flips of ten differences
SIGNS = np.array(list(itertools.product((1, -1), repeat=10)))


def errors(study, arm):
    """Of seeds 0 to 9."""
    with open(PAGE.with_suffix("") / study / "study-runs.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["arm"], row["name"]) == (arm, "test_error_rate")]
    return np.array([float(row["value"]) for row in sorted(rows, key=lambda row: int(row["seed"]))])


@pytest.mark.parametrize(
    ("regularizer", "said"), [("importance", "+.0039 (p = .10"), ("similarity", "+.0038 (p = .21")]
)
def test_the_gain_of_a_regularizer_with_the_printed_rate_and_with_a_chosen_one(regularizer, said):
    def gain_n(study):
        return errors(study, "original") - errors(study, f"original + {regularizer}")

    more_n = gain_n("mnist-published") - gain_n("mnist-fair")
    # the exact sign-flip test of the mean
    p = np.mean(abs(SIGNS @ more_n) >= abs(more_n.sum()) - 1e-12)
    found = f"{more_n.mean():+.4f} (p = {p:.2f}".replace("0.", ".")
    assert found == said
    words = " ".join(PAGE.read_text().split())
    assert said.split(" (p")[0] in words and said.partition("(")[2] in words


@pytest.mark.parametrize(
    ("runs", "layer", "lost"),
    [
        ("digits", "block0", "40 %"),
        ("digits", "block1", "81 %"),
        ("markov-languages", "block0", "91 %"),
        ("markov-languages", "block1", "94 %"),
        ("text-modules", "block0", "56 %"),
        ("text-modules", "block1", "74 %"),
        ("text-folder", "block0", "76 %"),
        ("text-folder", "block1", "75 %"),
    ],
)
def test_balance_within_documents_and_what_experts_know_of_them(runs, layer, lost):
    """Less in ten of ten seeds, and by this share of the mean."""
    page = PAGE.with_name("balancing-scope.md")
    bits = kept(f"balancing-scope/{runs}", f"{layer}.mutual_information_expert_label_bits")
    assert sum(bits["document"][seed] < bits["batch"][seed] for seed in bits["batch"]) == 10
    share = 1 - sum(bits["document"].values()) / sum(bits["batch"].values())
    assert f"{share:.0%}".replace("%", " %") == lost and lost in page.read_text()


def kept(folder, metric):
    """arm -> the values of a kept study, by seed."""
    with open(PAGE.parent / folder / "study-runs.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["name"] == metric]
    arms = dict.fromkeys(row["arm"] for row in rows)
    return {arm: {int(row["seed"]): float(row["value"]) for row in rows if row["arm"] == arm} for arm in arms}


def said_in(page):
    return " ".join((PAGE.parents[1] / page).read_text().split())


def mean_of(values):
    return sum(values.values()) / len(values)


def percent(values):
    return f"{100 * mean_of(values):.1f} %"


def test_tasks_one_after_another():
    page, readme = said_in("continual.md"), " ".join((PAGE.parents[2] / "README.md").read_text().split())
    error = kept("continual", "test_error_rate")
    for arm, said in (
        ("frozen", "errs in {} of the samples"),
        ("frozen + memory", "the way back**: {}."),
        ("single + memory", "the same memory does better, {}**"),
        ("mixture at once", "all at once**, {} with"),
        ("single", "earlier tasks too** ({})"),
    ):
        assert said.format(percent(error[arm])) in page
    told = [f"{100 * mean_of(error[arm]):.0f} %" for arm in ("frozen", "frozen + memory", "single + memory")]
    assert f"these means are {told[0]} and {told[1]};" in readme
    assert f"A single network with the same memory and fewer parameters has {told[2]}" in readme
    assert mean_of(kept("continual", "routing_kept_share")["frozen"]) == 0
    assert f"right for {100 * (1 - mean_of(kept('continual', 'oracle_error_rate')['frozen'])):.1f} %" in page
    # the sign-flip test of the ten pairs; of eight comparisons four have p = 2 / 2^10, so Holm multiplies this by four
    pairs_n = np.array([error["frozen + memory"][seed] - error["single + memory"][seed] for seed in range(10)])
    p = 4 * np.mean(abs(SIGNS @ pairs_n) >= abs(pairs_n.sum()) - 1e-12)
    assert f"{100 * pairs_n.mean():.1f} points less (1.9 to 8.9, p = {p:.3f})".replace("0.0", ".0") in page
    within = kept("continual", "forgetting_within_task")
    assert f"it forgets {percent(within['single'])} and the frozen mixture {percent(within['frozen'])}" in page
    kept_of = Kept("continual/study-runs.csv")
    with_memory = [f"{what} + memory" for what in ("no new experts", "learning", "frozen, shared outputs")]
    ends = [kept_of.ends(arm, "frozen + memory", digits=6).split(" to ") for arm in with_memory]
    least, most = (100 * end(float(one[at]) for one in ends) for end, at in ((min, 0), (max, 1)))
    assert f"from {-least:.0f} points less to {most:.0f} points more" in page
    learned = [value for of_arm in kept("continual", "learning_accuracy").values() for value in of_arm.values()]
    assert f"the learning accuracy is {100 * min(learned):.1f} % or more in every run" in page


def test_cubic_experts_recover_clusters_and_linear_ones_do_not():
    page = PAGE.with_name("chen2022.md")
    with open(page.with_suffix("") / "s1" / "study-runs.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {
        (arm, name): np.array([float(row["value"]) for row in rows if (row["arm"], row["name"]) == (arm, name)])
        for arm in ("cubic", "linear", "dense", "single cubic", "single linear")
        for name in ("test_error_rate", "dispatch_entropy_bits")
    }
    words = " ".join(page.read_text().split())
    for name, digits, said in (
        ("test_error_rate", 3, "-.051, p = .002"),
        ("dispatch_entropy_bits", 2, "-1.59 bits, p = .002"),
    ):
        more_n = found["cubic", name] - found["linear", name]
        p = np.mean(abs(SIGNS @ more_n) >= abs(more_n.sum()) - 1e-12)
        unit = " bits" if name.endswith("bits") else ""
        assert (more_n < 0).all()
        assert f"{more_n.mean():.{digits}f}{unit}, p = {p:.3f}".replace("0.", ".") == said and said in words
    kept = np.sort(found["cubic", "dispatch_entropy_bits"])
    assert [f"{one:.2f}" for one in kept[-3:]] == ["0.20", "0.67", "1.31"]
    assert f"that of the eight is {kept[:-2].std(ddof=1):.2f}.".replace("0.", ".") in words
    by_entropy = np.argsort(found["cubic", "dispatch_entropy_bits"])
    largest = found["cubic", "test_error_rate"][by_entropy[-2:]]
    low, high = (f"{one:.4f}".removeprefix("0") for one in largest)
    assert f"two largest errors of cubic experts ({low} and {high})" in words
    assert found["cubic", "test_error_rate"][by_entropy[:-2]].max() < largest.min()
    for arm in ("single cubic", "single linear", "dense"):
        assert (found[arm, "test_error_rate"] > found["cubic", "test_error_rate"]).all()
    assert found["linear", "dispatch_entropy_bits"].min() > 1.6
    dense = found["dense", "test_error_rate"]
    assert f"{dense.mean():.3f} ± {dense.std(ddof=1):.3f}".replace("0.", ".") in words


def layers_n(arm, name, data="text-modules"):
    """Of seeds 0 to 9, what docs/studies/layers.md has of the data."""
    with open(PAGE.parent / "layers" / data / "study-runs.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["arm"], row["name"]) == (arm, name)]
    return np.array([float(row["value"]) for row in sorted(rows, key=lambda row: int(row["seed"]))])


@pytest.mark.parametrize(("arm", "seeds"), [("switch", 10), ("top_k", 9)])
def test_given_the_byte_the_second_layers_experts_follow_the_domain_more(arm, seeds):
    first_n, second_n = (layers_n(arm, f"block{layer}.domain_given_token_per_usage") for layer in (0, 1))
    chance_n = layers_n(arm, "block1.domain_information_null_per_usage")
    domain_n = layers_n(arm, "block1.attribute_information_per_usage: domain")
    assert len(first_n) == 10 and sum(second_n > first_n) == seeds and all(domain_n > chance_n)
    assert first_n.mean() < 0.013 and 0.022 < second_n.mean() < 0.025


@pytest.mark.parametrize("data", ["digits", "text"])
def test_how_alike_two_seeds_are_in_a_layer_is_that_of_the_report(data):
    page = (PAGE.parent / "claims.md").read_text()
    with open(PAGE.parent / "claims" / f"agreement-{data}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    for row in rows:
        ari, null, excess, low, high = (
            f"{float(row[key]):.2f}".replace("0.", ".", 1)
            for key in ("ari", "null_ari", "excess", "excess_low", "excess_high")
        )
        assert f"| {ari} | {null} | {excess} ({low} to {high}) |" in page


@pytest.mark.parametrize("arm", ["switch", "top_k"])
def test_on_digits_experts_follow_the_place_first_and_then_the_class(arm):
    (place0, class0), (place1, class1) = (
        [layers_n(arm, f"block{layer}.attribute_information_per_usage: {of}", "digits") for of in ("position", "class")]
        for layer in (0, 1)
    )
    assert all(place0 > place1) and all(class1 > class0) and all(class1 > place1) and all(place0 > class0)


def test_what_collapses_on_digits():
    """Of twelve runs each, what docs/studies/collapse.md says."""
    with open(PAGE.parent / "collapse" / "study-runs.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["name"] == "collapsed"]
    collapsed = {arm: sum(float(row["value"]) for row in rows if row["arm"] == arm) for arm in {r["arm"] for r in rows}}
    assert {arm: count for arm, count in collapsed.items() if count} == {"k = 1": 5, "zero initialization": 12}
    facts = json.loads((PAGE.parent / "collapse" / "study.json").read_text())
    errors = [line for line in facts["differences"] if line["name"] == "test_error_rate"]
    assert len(errors) == 15 and {line["verdict"] for line in errors} == {"inconclusive"}


COLLAPSE = Kept("collapse/study-runs.csv")


def test_how_many_runs_may_collapse_where_none_of_twelve_did():
    assert f"0 of 12 each: 0 to {100 * rate(0, 12).high:.0f} % of runs" in said_in("studies/collapse.md")


def test_which_dead_experts_are_more_for_sure():
    """Weight decay and the second softmax, with five experts and with ten."""
    page = said_in("studies/collapse.md")
    dead, both, ten = "dead_experts", "E = 10 and both", "E = 10"
    low, high = COLLAPSE.ends(both, ten, dead, 1, sign=True).split(" to ")
    levels = f"{COLLAPSE.mean(both, dead, 1)} against {COLLAPSE.mean(ten, dead, 1)}"
    assert f"{levels} ({COLLAPSE.less(both, ten, dead, 1, sign=True)}, {low} to {high}, p = .001)" in page
    assert COLLAPSE.p(both, ten, dead) == ".001"
    assert max(COLLAPSE.pairs(both, ten, "mutual_information_expert_label_bits")) < 0
    five = {COLLAPSE.p(arm, "softmax", dead)[:3] for arm in ("weight decay", "second softmax")}
    assert five == {".50"} and "with five experts (p = .50 each)" in page
    of_ten = [float(COLLAPSE.p(f"E = 10 and {what}", ten, dead)) for what in ("weight decay", "second softmax")]
    assert [round(p, 2) for p in of_ten] == [0.25, 0.12] and "with ten (p = .25 and .12)" in page


def test_one_expert_a_sample_and_importance():
    page = said_in("studies/collapse.md")
    assert round(float(COLLAPSE.p("k = 1", "softmax", "collapsed")), 2) == 0.06 and "(p = .06, uncorrected)" in page
    usage = COLLAPSE.pairs("k = 1", "softmax", "usage_entropy_bits")
    assert max(usage) < 0 and sign_flip_p(usage) < 0.001
    in_use = {arm: COLLAPSE.of(arm, "dead_experts").count(0) for arm in ("importance", "softmax")}
    assert in_use == {"importance": 12, "softmax": 3}


@pytest.mark.parametrize(("setting", "low", "others"), [("s2", 0.36, ["0.82", "1.50"]), ("s3", 0.02, ["0.61", "0.73"])])
def test_eight_of_ten_cubic_mixtures_find_the_clusters_of_other_data_too(setting, low, others):
    with open(PAGE.parent / "chen2022" / setting / "study-runs.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["name"] == "dispatch_entropy_bits"]
    cubic, linear = (sorted(float(row["value"]) for row in rows if row["arm"] == arm) for arm in ("cubic", "linear"))
    assert cubic[7] < low + 0.005 and [f"{one:.2f}" for one in cubic[8:]] == others
    assert len(cubic) == len(linear) == 10 and linear[0] >= 1.295
