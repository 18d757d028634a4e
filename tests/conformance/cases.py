"""Cases of a part: what its own test file says of it to the tests that run for every part.

``tests/conformance/FOLDER/test_NAME.py`` may set ``CASE``. Without it a part is tested as it comes. What also follows
from a part's declarations (the traits of a gate, the task of an objective) is stated here by hand, so that a wrong
declaration fails.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from moe_lab.config.compose import options
from moe_lab.training.learner import Learner

#: group -> folder of its parts' test files
FOLDERS = {
    "gate": "gate",
    "gate/score": "score",
    "gate/score/body": "body",
    "gate/select": "select",
    "gate/weigh": "weigh",
    "experts": "experts",
    "baseline": "baseline",
    "objective": "objective",
    "regularizer": "regularizer",
    "controller": "controller",
    "recipe": "recipe",
}
Words = Sequence[str]
Mode = Literal["training", "evaluation"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the tests of every part must know of one.

    needs:       words without which the option is refused.
    forms:       words that make a further form of the option, each.
    dense:       every expert runs for every sample, whatever k is.
    dense_forms: further forms that this holds for, where it does not hold for the option.
    selecting:   the word by which experts are selected, where the form has none: none if the gate decides how many.
    of_numbers:  targets are numbers.
    of_layers:   experts of mixture layers, which no mixture that stands alone has: test_layers.py tests them.
    structure:   words each of which sets a run apart from the option as it comes: no stack has both.
    numbers:     words each of which does not.
    """

    needs: Words = ()
    forms: Sequence[Words] = ()
    dense: bool = False
    dense_forms: Sequence[Words] = ()
    selecting: Words = ("k=2",)
    of_numbers: bool = False
    of_layers: bool = False
    structure: Words = ()
    numbers: Words = ()


@dataclass(frozen=True, kw_only=True)
class GateCase(Case):
    """And of a gate; ``dense`` may be due to the objective that it chooses.

    small:            words without which it cannot take an input of 1 x 3 x 4.
    k:                which k of five experts it can use.
    k_with_objective: which of them the objective that it chooses can use. None: all.
    selects_k:        every sample selects exactly k experts.
    mixes:            whether the rows of its weights are distributions of two experts or more, which mix probabilities.
    batch_dependent:  when a row depends on its batch-mates.
    steps:            it is made of score, select and weigh.
    draws:            it draws a number for each expert in training, so that permuted scores meet other numbers.
    learns_from:      what teaches it, as its traits have it: the mixture's prediction, by the objective that it chooses
                      its scores or its draw, or nothing.
    signed:           modes in which the loss's derivative by an expert's logit has the sign of whether it was right.
    settle:           brings its learner's objective to where that sign is due.
    grows:            experts can be added to its score.
    no_layer:         words of the reason why it cannot be in a mixture layer; None if it can.
    """

    small: Words = ()
    k: Sequence[int] = (1, 2, 3, 4, 5)
    k_with_objective: Sequence[int] | None = None
    selects_k: bool = True
    mixes: Literal["from k=2", "always", "never"] = "from k=2"
    batch_dependent: Set[Mode] = frozenset()
    steps: bool = True
    draws: bool = False
    learns_from: Literal["prediction", "scores", "draw", "nothing"] = "prediction"
    signed: Sequence[Mode] = ("training", "evaluation")
    settle: Callable[[Learner], None] | None = None
    grows: bool = False
    no_layer: str | None = None

    def usable(self, *among: int) -> list[int]:
        """Which of these k it can use with the objective that it chooses."""
        return [k for k in among if k in (self.k if self.k_with_objective is None else self.k_with_objective)]


@dataclass(frozen=True, kw_only=True)
class SelectCase(Case):
    """And of a selection.

    k:        which k it can use.
    by_logit: at test it selects the k largest logits of every sample.
    """

    k: Sequence[int] = (1, 2)
    by_logit: bool = True


class Form(NamedTuple):
    """An option in one of its forms: the words that compose it, the case, and whether every expert runs."""

    words: list[str]
    case: Case
    dense: bool

    def __str__(self) -> str:
        return " ".join(self.words)


def file_of(group: str, name: str) -> Path:
    """The part's own test file; all networks of the paper have one."""
    stem = "paper" if name.startswith("paper_") else name
    return Path(__file__).parent / FOLDERS[group] / f"test_{stem}.py"


def case_of(group: str, name: str) -> Any:
    """The ``CASE`` of the part's own file, else the default of its group: a missing file fails in a test of its own."""
    default = {"gate": GateCase, "gate/select": SelectCase}.get(group, Case)()
    file = file_of(group, name)
    if not file.is_file():
        return default
    return getattr(importlib.import_module(f"{__package__}.{file.parent.name}.{file.stem}"), "CASE", default)


def plain(group: str) -> list[Form]:
    """Every option of a group as it comes, of those that a mixture can have that stands alone. Paper-sized networks are
    left out: their classes are here in small."""
    cases = {name: case_of(group, name) for name in options(group) if not name.startswith("paper_")}
    return [_plain(group, name, case) for name, case in cases.items() if not case.of_layers]


def forms(group: str) -> Iterator[Form]:
    """Every option of a group in all its forms, gates also with k = 1 and k = 2."""
    for form in plain(group):
        words, case, dense = form
        general = [[f"k={k}"] for k in case.usable(1, 2)] if isinstance(case, GateCase) else []
        yield form
        yield from (Form([*words, *more], case, dense) for more in (*general, *case.forms))
        yield from (Form([*words, *more], case, True) for more in case.dense_forms)


def _plain(group: str, name: str, case: Case) -> Form:
    word = f"{group}=[{name}]" if group in ("regularizer", "controller") else f"{group}={name}"
    five = ["experts.count=5"] if group == "experts" else []
    return Form([word, *five, *case.needs], case, case.dense)
