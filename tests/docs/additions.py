"""New gates, a metric, a report section, a launcher and a data set: what docs/architecture.md says one takes."""

from pathlib import Path
from typing import NamedTuple

from tests.docs.added_gates import NAMED, NAMED_TEST, ODD, ODD_TEST, ODD_YAML, SCORE, SCORE_TEST
from tests.docs.added_others import (
    DATA,
    DATA_TEST,
    DATA_YAML,
    HEAD,
    LAUNCHER,
    LAUNCHER_TEST,
    METRIC,
    SECTION,
    SECTION_TEST,
)


class Addition(NamedTuple):
    """``written``: new files; ``changed``: (before, after) in others; ``made``: pages by their scripts."""

    written: dict[str, str]
    changed: dict[str, tuple[tuple[str, str], ...]] = {}
    made: dict[str, str] = {}

    @property
    def files(self) -> tuple[list[str], list[str]]:
        """What makes it work, and what moe-lab itself has besides: tests, and pages about all parts."""
        files = [*self.written, *self.changed, *self.made]
        besides = [file for file in files if file.startswith(("tests/", "docs/"))]
        return [file for file in files if file not in besides], besides

    def bring(self, root: Path) -> None:
        """Bring it into a copy of the repository; pages are left to their scripts."""
        for name, text in self.written.items():
            assert not (root / name).exists(), name
            (root / name).write_text(text)
        for name, replaced in self.changed.items():
            text = (root / name).read_text()
            for before, after in replaced:
                assert text.count(before) == 1, f"{name}: {before}"
                text = text.replace(before, after)
            (root / name).write_text(text)


ADDITIONS = {
    "a step of a gate (score, selection or weighting)": Addition(
        {
            "moe_lab/parts/gates/score/distance.py": SCORE,
            "conf/gate/score/distance.yaml": "_target_: moe_lab.parts.gates.score.distance.Distance\n",
            "tests/conformance/score/test_distance.py": SCORE_TEST,
        }
    ),
    "a gate of existing steps": Addition(
        {"conf/gate/nearest.yaml": NAMED, "tests/conformance/gate/test_nearest.py": NAMED_TEST},
        made={"docs/pairs.md": "docs.pairs"},
    ),
    "a gate that is one class": Addition(
        {
            "moe_lab/parts/gates/above_mean.py": ODD,
            "conf/gate/above_mean.yaml": ODD_YAML,
            "tests/conformance/gate/test_above_mean.py": ODD_TEST,
        },
        made={"docs/pairs.md": "docs.pairs"},
    ),
    "a metric": Addition(
        {},
        {
            "moe_lab/metrics/competence.py": ((HEAD, HEAD + METRIC),),
            "tests/metrics/expected.py": (
                (
                    '    "test_error_rate": 2 / 5,\n',
                    '    "test_error_rate": 2 / 5,\n    "mean_confidence": 1 / 2,\n',
                ),
                ('    "oracle_error_rate",\n', '    "oracle_error_rate",\n    "mean_confidence",\n'),
            ),
        },
        {"docs/metrics.md": "docs.metrics"},
    ),
    "a section of a run's report": Addition(
        {"moe_lab/reports/run/confidence.py": SECTION, "tests/reports/run/test_confidence.py": SECTION_TEST},
        {
            "moe_lab/reports/run/sections.py": (
                (
                    "from moe_lab.reports.run.coactivation import coactivation_picture\n",
                    "from moe_lab.reports.run.coactivation import coactivation_picture\n"
                    "from moe_lab.reports.run.confidence import confidence_section\n",
                ),
                (
                    "_competence(run, arrays, target), *_alike(run, arrays)]",
                    "_competence(run, arrays, target), *_alike(run, arrays)]\n"
                    "    if isinstance(arrays, ClassArrays):\n        after.append(confidence_section(arrays))",
                ),
            )
        },
    ),
    "a launcher": Addition(
        {
            "moe_lab/sweeps/launchers/backwards.py": LAUNCHER,
            "conf/launcher/backwards.yaml": "_target_: moe_lab.sweeps.launchers.backwards.Backwards\n",
            "tests/sweeps/test_backwards.py": LAUNCHER_TEST,
        }
    ),
    "a data set": Addition(
        {
            "moe_lab/data/toy_stripes.py": DATA,
            "conf/dataset/toy_stripes.yaml": DATA_YAML,
            "tests/data/test_toy_stripes.py": DATA_TEST,
        }
    ),
}
