"""The emptied-expert check: the recorded decisions are those that the model executes.

The parameters of one expert are set to zero, and its block gets the same input again. The rows of the output that
change have to be those that were recorded for that expert. A model that computes other experts than it hands to its
bank, or drops rows later, does not pass.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from moe_lab.experiment.recording.banks import CONTRACT, Bank, Decision, decision, refused

_Call = tuple[tuple[Any, ...], dict[str, Any]]


@torch.no_grad()
def check_emptied(model: nn.Module, banks: Sequence[Bank], input_ids: Tensor) -> None:
    """Empty one expert of each bank; ``input_ids`` [1, S]: a document.

    Raises DataError, which names the family, if the model does not call a bank by the contract, or a row that changes
    was not recorded, or one that was recorded does not change.
    """
    calls = _calls(model, banks, input_ids)
    for bank in banks:
        if bank.block not in calls:
            raise refused(model, bank, "the block of its `experts` is not called in a forward pass")
        if why := _disagreement(bank, calls[bank.block]):
            raise refused(model, bank, why)


def _disagreement(bank: Bank, call: _Call) -> str:
    """What is wrong with what would be recorded of a call; empty if the rows that change are those recorded."""
    full_TD, made = _output(bank, call)
    if made is None:
        return CONTRACT
    expert, recorded_T = _divided(bank, made)
    with _emptied(bank.parameters_of(expert)):
        emptied_TD, _ = _output(bank, call)
    if not len(full_TD) == len(emptied_TD) == len(recorded_T):
        return f"its output has {len(full_TD)} rows, and {len(recorded_T)} were recorded"
    changed_T = (full_TD != emptied_TD).any(1)
    wrong_T = (changed_T != recorded_T) & (changed_T | ~_hidden(full_TD, emptied_TD, _weight(made, expert)))
    if not wrong_T.any():
        return ""
    changed, recorded, wrong = (int(one.sum()) for one in (changed_T, recorded_T, wrong_T))
    return (
        f"with expert {expert} emptied {changed} rows change, {recorded} were recorded for it, and {wrong} are not the "
        "same: what its `experts` are called with is not what it computes"
    )


def _hidden(full_TD: Tensor, emptied_TD: Tensor, weight_T: Tensor) -> Tensor:
    """Whether rounding may hide in a row what the expert adds to it. A weight of 1 adds at least as much as in the row
    that changes least; without a row that changes nothing is hidden."""
    added_T = (full_TD.float() - emptied_TD.float()).abs().amax(1) / weight_T.float()
    seen_T = (added_T > 0) & added_T.isfinite()
    least = added_T[seen_T].min() if seen_T.any() else torch.inf
    return weight_T.float() * least < torch.finfo(full_TD.dtype).eps * full_TD.float().abs().amax(1)


def _calls(model: nn.Module, banks: Sequence[Bank], input_ids: Tensor) -> dict[nn.Module, _Call]:
    """Block -> the arguments of its last call in a forward pass."""
    calls: dict[nn.Module, _Call] = {}

    def keep(block: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        calls[block] = tuple(map(_copied, arguments)), {name: _copied(one) for name, one in keywords.items()}

    handles = [bank.block.register_forward_pre_hook(keep, with_kwargs=True) for bank in banks]
    try:
        model(input_ids=input_ids, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _copied(value: Any) -> Any:
    """Blocks may add to what they are given, in place."""
    return value.clone() if isinstance(value, Tensor) else value


def _output(bank: Bank, call: _Call) -> tuple[Tensor, Decision | None]:
    """The output [T, D] of the bank's block, and what the bank was called with."""
    made: list[Decision | None] = []
    handle = bank.module.register_forward_pre_hook(
        lambda _, arguments, keywords: made.append(decision(arguments, keywords)), with_kwargs=True
    )
    try:
        arguments, keywords = call
        output = bank.block(*map(_copied, arguments), **{name: _copied(one) for name, one in keywords.items()})
    finally:
        handle.remove()
    whole = output if isinstance(output, Tensor) else output[0]
    return whole.reshape(-1, whole.shape[-1]), made[0] if len(made) == 1 else None


def _divided(bank: Bank, made: Decision) -> tuple[int, Tensor]:
    """The expert whose rows and the others are as many as can be, and whether a row was recorded for it."""
    weights_ET = torch.stack([_weight(made, expert) for expert in range(bank.experts)])
    count_E = (weights_ET != 0).sum(1)
    expert = int(torch.minimum(count_E, weights_ET.shape[1] - count_E).argmax())
    # if every row selects the same experts, one that is selected tells more than one that is not
    expert = expert if count_E[expert] else int(count_E.argmax())
    return expert, weights_ET[expert] != 0


def _weight(made: Decision, expert: int) -> Tensor:
    """The weight of an expert in each row, 0 if it was not selected."""
    return torch.where(made.experts_TK == expert, made.weights_TK, 0).abs().sum(1)


@contextmanager
def _emptied(parameters: Sequence[Tensor]) -> Iterator[None]:
    kept = [one.clone() for one in parameters]
    try:
        for one in parameters:
            one.zero_()
        yield
    finally:
        for one, value in zip(parameters, kept, strict=True):
            one.copy_(value)
