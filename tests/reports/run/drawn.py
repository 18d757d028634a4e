"""The figures of a run's report."""

from pathlib import Path

#: those of a mixture of several experts that has seen images
FIGURES = [
    "accuracy",
    "attributes",
    "class_expert",
    "entropies",
    "expert_accuracy",
    "gate_entropies",
    "interventions",
    "loss",
    "regretted_images",
    "similarity",
    "swaps",
    "typical_images",
    "usage",
]


def stems(folder: Path, ending: str) -> list[str]:
    return sorted(path.stem for path in (folder / "figures").glob(f"*.{ending}"))
