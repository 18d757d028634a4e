"""python docs/studies/protocols.py PAPER [FAIR]: the folders of one study under one protocol or both, next to each
other, as Markdown: every arm's mean ± sd with its setting, and the differences between arms, paired by seed, with the
95 % interval that the exact sign-flip test does not reject, and its p, uncorrected."""

import csv
import json
import sys
from pathlib import Path

from moe_lab.statistics import difference_summary, sign_flip_p, summary

METRICS = {
    "test_error_rate": ("test error", 4),
    "mutual_information_expert_prediction_bits": ("I(E; own prediction)", 3),
    "sample_entropy_bits": ("H(E given X)", 3),
    "usage_entropy_bits": ("H(E), usage", 3),
}
PAIRS = [
    ("original + importance", "original"),
    ("original + similarity", "original"),
    ("attentive", "original"),
    ("attentive + importance", "original + importance"),
    ("attentive + similarity", "original + similarity"),
    ("original + similarity", "original + importance"),
    ("attentive + similarity", "attentive + importance"),
    ("distilled from attentive + importance", "attentive + importance"),
    ("distilled from attentive + importance", "original + importance"),
    ("distilled from attentive + similarity", "attentive + similarity"),
    ("gate as classifier", "original"),
    ("gate as classifier", "original + importance"),
]

Values = dict[tuple[str, str], dict[str, float]]


def values_of(folder: Path) -> Values:
    """By arm and metric: seed -> value."""
    values: Values = {}
    with (folder / "study-runs.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["value"]:
                values.setdefault((row["arm"], row["name"]), {})[row["seed"]] = float(row["value"])
    return values


def level(values: dict[str, float], digits: int) -> str:
    if not values:
        return ""
    one = summary(list(values.values()))
    return f"{one.mean:.{digits}f} ± {one.sd:.{digits}f}"


def difference(values: Values, arm: str, base: str, name: str, digits: int) -> str:
    ours, theirs = values.get((arm, name), {}), values.get((base, name), {})
    pairs = [ours[seed] - theirs[seed] for seed in ours if seed in theirs]
    if not pairs:
        return ""
    one = difference_summary(pairs)
    ends = f"{one.low:+.{digits}f} to {one.high:+.{digits}f}" if one.ends else one.method
    return f"{one.mean:+.{digits}f} ({ends}), p = {sign_flip_p(pairs):.3f}"


def short(words: str) -> str:
    """trainer.lr=1e-3 as lr=1e-3"""
    return " ".join(key.rpartition(".")[2] + "=" + value for key, _, value in (w.partition("=") for w in words.split()))


def main(*folders: Path) -> None:
    facts = [json.loads((folder / "study.json").read_text()) for folder in folders]
    studies = [(one["protocol"], one["arms"], values_of(folder)) for one, folder in zip(facts, folders, strict=True)]
    arms = list(dict.fromkeys(arm for arm, _ in studies[0][2]))
    print("| arm | protocol | " + " | ".join(label for label, _ in METRICS.values()) + " | setting |")
    print("|" + "---|" * (len(METRICS) + 3))
    for arm in arms:
        for number, (protocol, of_arms, values) in enumerate(studies):
            cells = [level(values.get((arm, name), {}), digits) for name, (_, digits) in METRICS.items()]
            cells.append(short(of_arms[arm]["settings"][0]))
            print(f"| {'' if number else f'**{arm}**'} | {protocol} | {' | '.join(cells)} |")
    print("\n| difference | protocol | " + " | ".join(label for label, _ in METRICS.values()) + " |")
    print("|" + "---|" * (len(METRICS) + 2))
    for arm, base in PAIRS:
        for number, (protocol, _, values) in enumerate(studies):
            cells = [difference(values, arm, base, name, digits) for name, (_, digits) in METRICS.items()]
            print(f"| {'' if number else f'{arm}, less {base}'} | {protocol} | {' | '.join(cells)} |")


main(*map(Path, sys.argv[1:]))
