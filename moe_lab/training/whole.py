"""The state of a learner whose experts are on several ranks, as one process would have it."""

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor

from moe_lab.layers.ranks import Empty, Ranks
from moe_lab.mixture.sharded import sharded_names
from moe_lab.training.learner import AnyLearner


class WholeState:
    """Collects the experts of all ranks on the leading one, and takes a rank's own out of those of all. Every rank
    calls ``learner`` and ``optimizer`` at the same time; what they return on other ranks is of no use. The collected
    experts are in memory that ``empty`` gives."""

    def __init__(self, learner: AnyLearner, ranks: Ranks) -> None:
        self._ranks = ranks
        self._total = sharded_names(learner)
        self._parameters = [name for name, _ in learner.named_parameters()]

    def learner(self, state: Mapping[str, Tensor], empty: Empty) -> dict[str, Tensor]:
        return {name: self._collected(empty, name, one) for name, one in state.items()}

    def optimizer(self, state: Mapping[str, Any], empty: Empty) -> dict[str, Any]:
        return self._of_parameters(state, partial(self._collected, empty))

    def own(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """A rank's own part of the state of a loop; nothing of it is shared with ``state``, which may lie in a file."""
        rest = {name: one for name, one in state.items() if name not in ("learner", "optimizer")}
        return {
            **copy.deepcopy(rest),
            "learner": {name: self._own(name, one) for name, one in state["learner"].items()},
            "optimizer": self._of_parameters(state["optimizer"], self._own),
        }

    def _of_parameters(self, state: Mapping[str, Any], moved: Callable[[str, Any], Any]) -> dict[str, Any]:
        """An optimizer's state with each value replaced. A value has its parameter's shape, or one for all elements."""
        found = {
            index: {key: moved(self._parameters[index], value) for key, value in values.items()}
            for index, values in state["state"].items()
        }
        return {**state, "state": found}

    def _collected(self, empty: Empty, name: str, value: Any) -> Any:
        return self._ranks.collected(value, self._total[name], empty) if self._is_sharded(name, value) else value

    def _own(self, name: str, value: Any) -> Any:
        own = value[self._ranks.span(self._total[name])] if self._is_sharded(name, value) else value
        return copy.deepcopy(own) if not isinstance(own, Tensor) else own.clone()

    def _is_sharded(self, name: str, value: Any) -> bool:
        return name in self._total and isinstance(value, Tensor) and value.ndim > 0
