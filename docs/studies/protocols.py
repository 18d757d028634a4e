"""python docs/studies/protocols.py PAPER FAIR: the folders of one study under both protocols, next to each other, as
Markdown: every arm's mean ± sd with the setting that the fair choice took, and the differences between arms, paired by
seed, with the 95 % interval and the exact sign-flip p, uncorrected."""

import csv
import json
import sys
from pathlib import Path

from moe_lab.statistics import sign_flip_p, summary

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
    one = summary(pairs)
    return f"{one.mean:+.{digits}f} ({one.low:+.{digits}f} to {one.high:+.{digits}f}), p = {sign_flip_p(pairs):.3f}"


def short(words: str) -> str:
    """trainer.lr=1e-3 as lr=1e-3"""
    return " ".join(key.rpartition(".")[2] + "=" + value for key, _, value in (w.partition("=") for w in words.split()))


def main(paper: Path, fair: Path) -> None:
    both = {"paper": values_of(paper), "fair": values_of(fair)}
    settings = json.loads((fair / "study.json").read_text())["settings"]
    arms = list(dict.fromkeys(arm for arm, _ in both["paper"]))
    print("| arm | protocol | " + " | ".join(label for label, _ in METRICS.values()) + " | chosen |")
    print("|" + "---|" * (len(METRICS) + 3))
    for arm in arms:
        for protocol, values in both.items():
            cells = [level(values.get((arm, name), {}), digits) for name, (_, digits) in METRICS.items()]
            words = short(settings[arm][0]) if protocol == "fair" else ""
            print(f"| {f'**{arm}**' if protocol == 'paper' else ''} | {protocol} | {' | '.join(cells)} | {words} |")
    print("\n| difference | protocol | " + " | ".join(label for label, _ in METRICS.values()) + " |")
    print("|" + "---|" * (len(METRICS) + 2))
    for arm, base in PAIRS:
        for protocol, values in both.items():
            cells = [difference(values, arm, base, name, digits) for name, (_, digits) in METRICS.items()]
            print(f"| {f'{arm}, less {base}' if protocol == 'paper' else ''} | {protocol} | {' | '.join(cells)} |")


main(*map(Path, sys.argv[1:]))
