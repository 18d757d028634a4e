"""All contents of the report of many runs as plain values: report.json and the tidy CSVs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from moe_lab.reports.arms.collect import Arm, Collection, Member
from moe_lab.reports.arms.decomposition import Decomposition
from moe_lab.reports.arms.findings import findings, states
from moe_lab.reports.arms.measured import Measured
from moe_lab.reports.arms.usage import matched
from moe_lab.statistics import Factorial, Summary

AGREEMENT = ("ari", "null_ari", "excess", "matched", "null_matched", "matched_excess", "ami")

Row = dict[str, Any]


def report_data(measured: Measured, decomposed: Sequence[Decomposition]) -> dict[str, Any]:
    """The contents of report.json."""
    collection = measured.collection
    return {
        "states": states(collection),
        "findings": findings(measured),
        "same": collection.same,
        "refused": [{"words": words, "reason": reason} for words, reason in collection.refused],
        "against": measured.baseline.key,
        "family": {"metrics": measured.primary, "comparisons": len(measured.comparisons)},
        "arms": [
            {"key": arm.key, "name": arm.name, "words": arm.words, "choices": arm.levels}
            | {"finished_seeds": arm.n, "states": arm.states}
            for arm in measured.arms
        ],
        "metrics": {name: asdict(one) for name, one in measured.quantities.items()},
        "summaries": arm_rows(measured),
        "comparisons": comparison_rows(measured),
        "matched_usage": {key: asdict(one) for key, one in matched(measured).items()},
        "collapse": {key: asdict(one) for key, one in measured.collapse.items()},
        "factorial": {name: _factorial(found) for name, found in measured.factorials.items()},
        "agreement": agreement_rows(decomposed),
        "crossed_seeds": {
            one.arm.key: {name: asdict(s) for name, s in one.crossed.items()} for one in decomposed if one.crossed
        },
        "runs": run_rows(collection, measured),
    }


def run_rows(collection: Collection, measured: Measured) -> list[Row]:
    """One row per run: arm, run, status, seed, settings that differ between arms, and metrics that are one number."""
    return [
        {"arm": arm.key, "run": one.name, "status": one.state, "seed": one.seed_word}
        | arm.levels
        | {name: one.scalars.get(name) for name in measured.quantities}
        | {"error": one.error, "repeats": one.repeats}
        for arm in collection.arms
        for one in arm.members
    ]


def value_rows(measured: Measured) -> list[Row]:
    """Tidy: one row per run and metric."""
    return [
        {"arm": arm.key, "run": one.name, "seed": one.seed_word, "metric": name, "value": one.scalars[name]}
        | {"unit": quantity.unit}
        for arm in measured.shown
        for one in arm.counted
        for name, quantity in measured.quantities.items()
        if name in one.scalars
    ]


def arm_rows(measured: Measured) -> list[Row]:
    """Tidy: one row per arm and metric, with its interval."""
    return [
        {
            "arm": arm.key,
            "metric": name,
            "unit": measured.quantities[name].unit,
            "runs": arm.n,
            **asdict(by_arm[arm.key]),
        }
        for name, by_arm in measured.summaries.items()
        for arm in measured.shown
        if arm.key in by_arm
    ]


def comparison_rows(measured: Measured) -> list[Row]:
    """One row per comparison of the declared family."""
    return [
        {"arm": one.arm, "against": measured.baseline.key, "metric": one.metric, "seeds": one.n}
        | _difference(one.difference)
        | {
            "by_seed": list(one.values),
            "p": one.p,
            "adjusted_p": one.adjusted_p,
            "exact": one.exact,
            "family": one.family,
        }
        | {"seeds_needed": one.needed, "too_few_seeds": one.too_few, "beyond_chance": one.sure}
        for one in measured.comparisons.values()
    ]


def _difference(found: Summary | None) -> Row:
    if found is None:
        return dict.fromkeys(("difference", "low", "high", "method"))
    return {"difference": found.mean, "low": found.low, "high": found.high, "method": found.method}


def factorial_rows(measured: Measured) -> list[Row]:
    """One row per effect and primary metric, if the design is complete."""
    return [
        {"metric": name, **asdict(row)}
        for name, found in measured.factorials.items()
        if isinstance(found, Factorial)
        for row in found.effects
    ]


def _factorial(found: Factorial | str) -> Row:
    return {"incomplete": found} if isinstance(found, str) else asdict(found)


def agreement_rows(decomposed: Sequence[Decomposition]) -> list[Row]:
    """One row per arm of two runs or more: the agreement of its seeds."""
    rows = []
    for one in decomposed:
        if one.pairs:
            row: Row = {"arm": one.arm.key, "seeds": len(one.alike), "pairs": len(one.pairs)}
            row |= {"undefined_pairs": one.undefined_pairs}
            for name in AGREEMENT:
                found = one.over_pairs(name)
                row |= {name: found.mean if found else None}
                if name == "excess":
                    row |= {"excess_low": found.low if found else None, "excess_high": found.high if found else None}
            rows.append(row)
    return rows


def with_names(rows: Sequence[Mapping[str, Any]], arms: Sequence[Arm]) -> list[Row]:
    """Rows of a table by arms; with the arm's name, if its key is a letter."""
    names = {arm.key: arm.name for arm in arms if arm.key != arm.name}
    return [
        {"arm": row["arm"], "name": names[row["arm"]], **row} if row.get("arm") in names else dict(row) for row in rows
    ]


def pair_rows(decomposed: Sequence[Decomposition]) -> list[Row]:
    """Tidy: one row per pair of seeds of one arm."""
    return [
        {"arm": one.arm.key, "seed": _seed(one, here), "other_seed": _seed(one, there)}
        | {name: getattr(pair, name) for name in AGREEMENT}
        | {"reason": pair.reason}
        for one in decomposed
        for (here, there), pair in one.pairs.items()
    ]


def _seed(decomposition: Decomposition, place: int) -> str:
    member: Member = decomposition.arm.counted[place]
    return member.seed_word
