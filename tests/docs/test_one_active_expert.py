"""What docs/one-active-expert.md says of its two studies, of twelve runs an arm each."""

import csv
import json

import pytest

from docs.tables import DOCS
from docs.trained_twice import times, verdicts

KEPT = DOCS / "studies" / "one-active-expert"
PAGE = " ".join((DOCS / "one-active-expert.md").read_text().split())
BASELINES = {"single", "gate as classifier", "dense"}
WORSE = {"sinkhorn", "L0", "L1", "L1 path", "dselect_k + selector_entropy"}
IN_USE = {"soft + importance", "gumbel + importance", "stochastic + usage_kl", "matching pursuit"}


def values(data, name):
    """arm -> the values of a metric, by seed."""
    with (KEPT / data / "study-runs.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["name"] == name and row["value"]]
    return {
        arm: [float(row["value"]) for row in rows if row["arm"] == arm]
        for arm in dict.fromkeys(row["arm"] for row in rows)
    }


def mean(found):
    return sum(found) / len(found)


def errors(data):
    """arm -> mean error in percent, as the page writes it."""
    return {arm: f"{100 * mean(found):.1f}" for arm, found in values(data, "test_error_rate").items()}


def differences(data):
    lines = json.loads((KEPT / data / "study.json").read_text())["differences"]
    return {line["arm"]: line for line in lines if line["name"] == "test_error_rate"}


def arms_of(data, verdict):
    return {arm for arm, line in differences(data).items() if line["verdict"] == verdict}


def test_the_verdicts():
    assert arms_of("digits", "equivalent") == {"soft argmax"}
    assert arms_of("digits", "different") == WORSE
    assert len(arms_of("digits", "inconclusive")) == 15 and "For fifteen ways and baselines" in PAGE
    assert arms_of("mnist", "equivalent") == {"soft argmax"}
    assert arms_of("mnist", "inconclusive") == set()
    ways = arms_of("mnist", "different") - BASELINES
    assert len(ways) == 17 and all(differences("mnist")[arm]["mean"] > 0 for arm in ways)
    assert ways > WORSE and all(differences("digits")[arm]["mean"] > 0 for arm in WORSE)
    assert len(differences("mnist").keys() - BASELINES) == 18 and "Seventeen of eighteen ways" in PAGE


@pytest.mark.parametrize(("data", "said"), [("digits", "+.09 points on digits"), ("mnist", "+.12 on MNIST")])
def test_the_argmax_of_a_soft_mixture(data, said):
    line = differences(data)["soft argmax"]
    assert f"+{100 * line['mean']:.2f}".replace("+0", "+") == said.split()[0] and f"{said}, p = .005" in PAGE
    assert round(line["p"], 3) == 0.005


def test_what_the_other_ways_cost_on_mnist():
    points = {arm: differences("mnist")[arm]["mean"] * 100 for arm in arms_of("mnist", "different") - BASELINES}
    least = sorted(points, key=points.__getitem__)[:5]
    softest = ["soft + importance", "soft + sample_entropy"]
    assert least == [*softest, "matching pursuit", "annealed", "gumbel + importance"]
    assert [f"{points[arm]:.1f}" for arm in least] == ["0.3", "0.3", "0.4", "0.5", "0.6"]


def test_the_errors_that_it_names():
    digits, mnist = errors("digits"), errors("mnist")
    assert min(digits, key=lambda arm: float(digits[arm])) in ("gumbel + importance", "dense")
    assert f"({digits['gumbel + importance']} %), on MNIST {mnist['gumbel + importance']} % where" in PAGE
    assert (
        f"has {mnist['switch + switch_balance']} %, stochastic with usage_kl {mnist['stochastic + usage_kl']} %" in PAGE
    )
    assert f"noisy top-1 with importance {mnist['noisy top-1 + importance']} %" in PAGE
    worst = [f"{one['sinkhorn']}, {one['L0']} and {one['L1']} %" for one in (digits, mnist)]
    assert f"{worst[0]} on digits, {worst[1]} on MNIST" in PAGE
    assert (
        f"as many parameters has {mnist['dense']} % and the gate's network alone {mnist['gate as classifier']} %"
        in PAGE
    )
    assert f"the soft mixture's {mnist['soft']} % for sure; one expert alone has {mnist['single']} %" in PAGE
    assert all(differences("mnist")[arm]["mean"] < 0 for arm in ("dense", "gate as classifier"))
    assert arms_of("mnist", "different") > BASELINES and not arms_of("digits", "different") & BASELINES


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            "digits",
            {
                "dense": "1e-2",
                "annealed": "lr=1e-2",
                "soft + sample_entropy": "1e-3",
                "stochastic + usage_kl": "weight=1",
                "dselect_k + selector_entropy": "weight=0.1",
                "L1 path": "last=0.1",
                "switch + switch_balance": "weight=0.03",
                "switch + loss-free bias": "rate=1e-3",
            },
        ),
        (
            "mnist",
            {
                "sinkhorn": "5e-4",
                "annealed": "lr=1e-3",
                "noisy top-1 + importance": "lr=1e-3",
                "gumbel + importance": "lr=1e-3",
                "switch + switch_balance": "weight=1",
                "stochastic + usage_kl": "weight=1",
                "dselect_k + selector_entropy": "weight=0.1",
                "L0": "weight=0.2",
                "switch + loss-free bias": "rate=1e-3",
                "L1 path": "last=1",
            },
        ),
    ],
)
def test_which_settings_lie_at_the_end_of_their_grid(data, said):
    """Of options with more than two values that have an order, from what chose the settings."""
    with (KEPT / data / "study-tuning.csv").open(newline="") as file:
        tried = {(row["arm"], row["setting"]) for row in csv.DictReader(file)}
    chosen = {
        arm: of["settings"][0] for arm, of in json.loads((KEPT / data / "study.json").read_text())["arms"].items()
    }
    found = set()
    for arm, setting in chosen.items():
        for word in setting.split():
            key, value = word.split("=")
            if key == "trainer.schedule":
                continue
            of_arm = [one for its, text in tried if its == arm for one in text.split() if one.startswith(f"{key}=")]
            grid = {float(one.partition("=")[2]) for one in of_arm}
            if len(grid) > 2 and float(value) in (min(grid), max(grid)):
                found.add(arm)
                assert word.endswith(said[arm])
    assert found == said.keys()


def test_which_experts_are_in_use():
    digits, mnist = values("digits", "dead_experts"), values("mnist", "dead_experts")
    assert {arm for arm, dead in digits.items() if not any(dead)} == IN_USE
    assert {arm for arm, dead in mnist.items() if not any(dead)} == {*IN_USE, "switch + switch_balance", "hard EM"}
    assert set(digits["L0"]) == {4} and sorted(mnist["L0"]) == [3, *[4] * 11]
    for arm in ("switch + switch_balance", "switch + loss-free bias"):
        assert f"{5 - mean(digits[arm]):.1f}" in PAGE
    assert set(mnist["switch + loss-free bias"]) == {4}
    settings = json.loads((KEPT / "mnist" / "study.json").read_text())["arms"]["switch + switch_balance"]["settings"]
    assert "weight=1.0" in settings[0] or settings[0].endswith("weight=1")


def test_what_the_second_time_chose():
    """Eight arms chose another setting; of three the first one is as good by the second time's validation errors."""
    first, second = times("one-active-expert/digits")
    other = [arm for arm, setting in first.settings.items() if second.settings[arm] != setting]
    with (KEPT / "digits" / "study-tuning.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    def validation(arm, setting):
        of = [float(row["validation_error_rate"]) for row in rows if (row["arm"], row["setting"]) == (arm, setting)]
        assert len(of) == 3
        return pytest.approx(sum(of))

    tied = [
        arm for arm in other if validation(arm, first.settings[arm]) == validation(arm, second.settings[arm]).expected
    ]
    assert (len(first.settings), len(other), len(tied)) == (22, 8, 3)
    before, after = (verdicts("one-active-expert/digits", time) for time in (first, second))
    assert after == {arm: line["verdict"] for arm, line in differences("digits").items()}
    changed = {arm for arm, word in before.items() if after[arm] != word}
    assert changed == {"dselect_k + selector_entropy", "L1 path"}
    assert {before[arm] for arm in changed} == {"inconclusive"}


def test_what_changed_on_mnist_the_second_time():
    first, second = times("one-active-expert/mnist")
    assert first.settings == second.settings
    assert f"{100 * (first.mean('soft') - second.mean('soft')):.2f}" == "0.08" and "is .08 points lower" in PAGE
    before, after = (verdicts("one-active-expert/mnist", time) for time in (first, second))
    changed = {arm: word for arm, word in before.items() if after[arm] != word}
    assert changed == {"soft + importance": "inconclusive", "soft + sample_entropy": "equivalent"}
