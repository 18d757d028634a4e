"""What docs/studies/claims.md says of all claims together, and of their two trainings, is computed again."""

import json

import pytest

from docs import claims_twice
from docs.claims_twice import ClaimsTwice, both_times
from docs.tables import DOCS
from tests.docs.sentences import Kept, number, prose

PAGE = "studies/claims.md"
LOSS = "test_loss_nats"
KEPT = {path.parent.name: json.loads(path.read_text()) for path in DOCS.glob("studies/claims/*/study.json")}
LINES = [(study, line) for study, facts in KEPT.items() for line in facts["predictions"]]


def mean(study, arm, name=LOSS):
    [line] = [one for one in KEPT[study]["predictions"] if (one["arm"], one["name"]) == (arm, name)]
    return line["mean"]


def verdicts(*studies):
    """(study, arm, metric) -> verdict of these studies."""
    return {(study, one["arm"], one["name"]): one["verdict"] for study, one in LINES if study in studies}


def test_how_many_there_are():
    words = prose(PAGE)
    assert (
        f"Nothing is corrected over the {len(KEPT)} studies" in words and f"none of {len(LINES)} predictions" in words
    )
    use = [one["verdict"] for _, one in LINES if one["name"] not in (LOSS, "test_error_rate")]
    said = f"{use.count('holds')} of {len(use)} predictions hold"
    assert f"Of how experts are used, {said}" in words
    index = " ".join((DOCS / "studies.md").read_text().split())
    assert f"of {len(use)} predictions of how experts are used {use.count('holds')} hold" in index


def test_the_losses_that_are_lower():
    words = prose(PAGE)
    for study, arm, said in (
        ("balancing_scope-text_modules", "batch", "balance over the batch on text ({} nats)"),
        ("fine_grained-markov_languages", "fine", "fine-grained experts on chains ({} nats)"),
        ("simbal-digits", "simbal", "SimBal on digits ({} nats, p = .047)"),
    ):
        assert said.format(number(mean(study, arm), 2, sign=True)) in words
    [simbal] = [one for one in KEPT["simbal-digits"]["predictions"] if one["name"] == LOSS]
    assert round(simbal["p"], 3) == 0.047
    others = verdicts("balancing_scope-digits", "fine_grained-digits")
    assert {verdict for (_, _, name), verdict in others.items() if name == LOSS} == {"inconclusive"}


def test_how_far_intervals_reach_on_digits():
    half = [(one["high"] - one["low"]) / 2 for study, one in LINES if study.endswith("digits") and one["name"] == LOSS]
    assert f"{number(min(half), 2)} to {number(max(half), 2)} nats to either side of the mean" in prose(PAGE)
    levels = [
        one["mean"] for study, facts in KEPT.items() for one in facts["levels"]
        if study.endswith("digits") and one["name"] == LOSS
    ]  # fmt: skip
    assert f"of a loss of {number(min(levels), 2)} to {number(max(levels), 2)}." in prose(PAGE)


def test_what_shared_experts_are_worth():
    rise = mean("shared_experts-markov_languages", "shared", "shared_disabled_loss_increase_nats") + 0.1
    # in the source the loss on the Pile rises from 1.808 to 2.414
    said = f"on chains rises by {number(rise, 2)} nats, and by {number(2.414 - 1.808, 2)} in the source"
    assert said in prose(PAGE)
    without_likeliest = [one for study, one in LINES if study.startswith("shared") and ": 0.125" in one["name"]]
    assert [one["verdict"] for one in without_likeliest] == ["reversed", "reversed"]
    kept = Kept("claims/shared_experts-markov_languages/study-runs.csv")
    assert max(kept.pairs("routed alone", "shared", LOSS)) < 0


def test_what_came_out_against_a_claim():
    against = {(study, one["name"]) for study, one in LINES if one["verdict"] in ("reversed", "different")}
    shared = {(study, name) for study, name in against if study.startswith("shared_experts")}
    assert against - shared == {
        ("erc-markov_languages", LOSS),
        ("saturation-digits", "block1.saturation_by_step: 0.01"),
        ("saturation-text_modules", "block1.saturation_by_step: 0.01"),
        ("snnl-fashion_mnist", "mutual_information_expert_label_bits"),
        ("simbal-digits", "block1.load_max_violation"),
        ("document_pool-digits", LOSS),
    }
    assert mean("document_pool-digits", "pool") > 0 < mean("simbal-digits", "simbal", "block1.load_max_violation")


def test_which_verdicts_are_others_the_second_time():
    both = list(both_times("claims"))
    changed = [first["p"] for _, first, second in both if first["verdict"] != second["verdict"]]
    assert (len(both), len(changed)) == (53, 5)
    alike = [first["p"] for _, first, _ in both]
    between = [p for p in alike if 0.009 <= p <= 0.14]
    words = prose(PAGE)
    assert all(p in between for p in changed) and min(p for p in alike if p >= 0.009) == min(changed)
    assert f"p from .009 to .14 five of {len(between)} have" in words and "Five of 53 verdicts changed." in words
    # none between the largest of these and those that are far from any verdict
    assert not [p for p in alike if max(changed) < p < 0.3]


def test_a_row_is_a_prediction_whose_verdict_changed(monkeypatch):
    line = KEPT["erc-digits"]["predictions"][0]
    first = line | {"verdict": "inconclusive", "p": 0.25}
    monkeypatch.setattr(claims_twice, "both_times", lambda folder: [("a", first, line), ("b", line, line)])
    heading, _, *rows = ClaimsTwice(PAGE, "claims").text().splitlines()
    assert heading == "| claim and data | predicted | the first time | the second time |"
    assert len(rows) == 1 and rows[0].startswith("| a | erc: alpha of block1 lower than balance")
    assert "inconclusive, p = 0.25 | " in rows[0] and rows[0].endswith("holds, p = 0.0039 |")


def test_other_predictions_than_the_first_time_are_no_second_time(tmp_path, monkeypatch):
    monkeypatch.setattr(claims_twice, "DOCS", tmp_path)
    folder = tmp_path / "studies" / "claims"
    (folder / "a").mkdir(parents=True)
    (folder / "earlier.csv").write_text("study,arm,name,n,mean,low,high,verdict,p\na,x,y,10,1,0,2,holds,.01\n")
    (folder / "a" / "study.json").write_text(json.dumps({"predictions": [{"arm": "x", "name": "z"}]}))
    with pytest.raises(ValueError, match="a: other predictions"):
        list(both_times("claims"))
