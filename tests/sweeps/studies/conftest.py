"""A small study of two gates on digits, and runs that were never trained."""

from pathlib import Path

import pytest

TINY = """
# Two gates on digits.
title: Two gates
source: nobody 2026
seeds: 2
against: plain
metrics: {test_error_rate: test error, usage_entropy_bits: H_u}
margins: {usage_entropy_bits: 0.1}
choices:
  size:
    small: {words: [trainer.epochs=1, trainer.limit_batches=2, dataset.validation_share=0.1]}
    large: {words: [trainer.epochs=3], note: takes longer}
arms:
  plain:
    words: [gate=softmax]
    fair: {trainer.lr: [1e-3, 1e-2]}
  balanced:
    words: [gate=softmax, "regularizer=[importance]"]
    settings: {regularizers.importance.weight: [0.1, 1.0]}
    printed: {regularizers.importance.weight: 1.0}
    fair: {regularizers.importance.weight: [0.2, 0.4]}
  pupil:
    words: [gate=softmax, recipe=distillation]
    teacher: balanced
    printed: {regularizers.importance.weight: 1.0}
fair: {words: [trainer.weight_decay=0], tuning_seeds: [7]}
quick: {seeds: 1, words: [trainer.epochs=1]}
published:
  - where: {size: small}
    rows:
      plain: {mean: {test_error_rate: [0.9, 0.1], usage_entropy_bits: [0.1, 0.01]}, n: 10}
      balanced: {best: {test_error_rate: 0.5}, of: 2}
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("conf")
    (folder / "study").mkdir()
    (folder / "study" / "tiny.yaml").write_text(TINY)
    return folder


class FakeRun:
    """A finished run with these numbers."""

    finished = True

    def __init__(self, error: float, usage: float | None, train: float = 0.0, validation: float = 0.0) -> None:
        self.metrics = {"test_error_rate": {"value": error}, "usage_entropy_bits": {"value": usage}}
        self.history_rows = [{"train_error_rate": train, "validation_error_rate": validation}]


@pytest.fixture(scope="session")
def fake_run() -> type[FakeRun]:
    return FakeRun


@pytest.fixture(scope="session")
def tiny() -> str:
    """The small study's file."""
    return TINY
