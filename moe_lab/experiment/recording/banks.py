"""The banks of experts of a transformers model: their calls and the routers beside them.

In transformers 5 a mixture layer calls its child ``experts`` with the hidden states [T, D], the selected experts [T, K]
and their weights [T, K]. This call is the decision as it is executed: after bias, groups, scaling and noise. The
router's own output is not, and nothing is computed from it.

Axes: **T** rows, **E** experts, **K** slots, **D** features.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn

from moe_lab.errors import DataError, cut

#: what a bank is called in its block
BANK = "experts"
CONTRACT = "`experts` are not called with hidden states, experts [T, K] and weights [T, K]"


@dataclass(frozen=True, eq=False)
class Bank:
    """A bank of experts in a model.

    name:   of its layer, such as ``layer3``.
    module: the bank. block: the module that holds and calls it.
    router: the module whose output has the logits, None if the model declares none; ``logits_at``: its place in there.
    """

    name: str
    module: nn.Module
    block: nn.Module
    router: nn.Module | None
    logits_at: int

    @property
    def experts(self) -> int:
        """E, of those that have parameters."""
        return _count(self.module)

    @property
    def shared(self) -> list[str]:
        """Modules of the block that every row passes through, beside those that it selects."""
        return [name for name, _ in self.block.named_children() if "shared" in name and "gate" not in name]

    def parameters_of(self, expert: int) -> list[Tensor]:
        """Views of the parameters of one expert."""
        bank, count = self.module, self.experts
        if isinstance(bank, nn.ModuleList | nn.ModuleDict):
            return list(list(bank.children())[expert].parameters())
        stacked = {len(one) for one in _stacked(bank)}
        if stacked:
            return [one[expert] for one in bank.parameters() if one.ndim and len(one) in stacked]
        return [one.unflatten(0, (count, -1))[expert] for one in bank.parameters() if len(one) % count == 0]


class Decision(NamedTuple):
    """The decision in a call of a bank."""

    experts_TK: Tensor
    weights_TK: Tensor


def decision(arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Decision | None:
    """The decision in the arguments of a bank's call, or None if they are others than the contract has."""
    values = [*arguments, *keywords.values()]
    if len(values) < 3 or not all(isinstance(one, Tensor) for one in values[:3]):
        return None
    experts_TK, weights_TK = values[1], values[2]
    kinds = not experts_TK.is_floating_point() and weights_TK.is_floating_point()
    return Decision(experts_TK, weights_TK) if kinds and experts_TK.ndim == 2 == weights_TK.ndim else None


def family(model: nn.Module) -> str:
    """``mixtral (MixtralForCausalLM)``."""
    return f"{cut(str(getattr(model.config, 'model_type', 'model')))} ({type(model).__name__})"


def refused(model: nn.Module, bank: Bank, why: str) -> DataError:
    """The error that names the family, the layer and the reason."""
    return DataError(f"{family(model)} cannot be recorded: in {bank.name} {why}")


def banks_of(model: nn.Module) -> list[Bank]:
    """The banks of a model, in its order. Raises DataError, which names the family, if it has none."""
    paths = [name for name, module in model.named_modules() if name.rpartition(".")[2] == BANK and _count(module)]
    if not paths:
        raise DataError(
            f"{family(model)} cannot be recorded: it has no module `{BANK}` with the parameters of experts, whose call "
            "says what was selected"
        )
    declared = list(_declared(model))
    return [_bank(model, path, name, declared) for path, name in zip(paths, layer_names(paths), strict=True)]


def layer_names(paths: Sequence[str]) -> list[str]:
    """The number in a path is the layer's, dense ones counted; whole paths if two have one number, or one has none."""
    numbers = [[part for part in path.split(".") if part.isdigit()] for path in paths]
    names = [f"layer{one[-1]}" if one else "" for one in numbers]
    return names if len(set(names)) == len(names) and all(names) else [path.rpartition(".")[0] for path in paths]


def _bank(model: nn.Module, path: str, name: str, declared: Iterable[Any]) -> Bank:
    block = model.get_submodule(path.rpartition(".")[0])
    for one in declared:
        found = next((module for module in (*block.children(), block) if isinstance(module, one.target_class)), None)
        if found is not None:
            return Bank(name, model.get_submodule(path), block, found, one.index)
    return Bank(name, model.get_submodule(path), block, None, 0)


def _declared(model: nn.Module) -> Iterator[Any]:
    """What the model and its parts declare as recorders of router_logits, each a class and the place in its output."""
    for module in model.modules():
        found = (getattr(module, "_can_record_outputs", None) or {}).get("router_logits", [])
        yield from (one for one in (found if isinstance(found, list) else [found]) if hasattr(one, "target_class"))


def _stacked(bank: nn.Module) -> list[nn.Parameter]:
    """Parameters whose first axis is that of the experts."""
    return [one for one in bank.parameters() if one.ndim >= 3]


def _count(bank: nn.Module) -> int:
    if isinstance(bank, nn.ModuleList | nn.ModuleDict):
        return len(bank)
    stacked = _stacked(bank)
    if stacked:
        return min(map(len, stacked))
    # dbrx has rows of all experts one below the other
    return int(getattr(bank, "num_experts", 0)) if any(True for _ in bank.parameters()) else 0
