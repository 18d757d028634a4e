"""Pairs of a sample and an expert that it selected: sorted by expert to run the experts, and by sample to combine
them."""

from dataclasses import replace

import torch
from torch import Tensor

from moe_lab.errors import given
from moe_lab.layers.grouped import GroupedRows, Groups
from moe_lab.routing.combine import Rule
from moe_lab.routing.decision import Routing


class Pairs:
    """The P true entries of selected_BE [..., B, E].

    K is the largest number of experts that a sample selected. A sample with fewer experts has empty places, with zeros
    as values and weights.
    """

    def __init__(self, selected_BE: Tensor) -> None:
        self._lead = selected_BE.shape[:-2]
        self.samples, self._experts = selected_BE.shape[-2:]
        *run, expert_P, sample_P = selected_BE.mT.nonzero().mT.contiguous().unbind(0)
        self._sample_P = sample_P
        group_P, row_P = expert_P, sample_P
        if run:
            run_P = _flat_index(run, self._lead)
            group_P, row_P = run_P * self._experts + expert_P, run_P * self.samples + sample_P
        self._row_P = row_P
        self.groups = Groups(selected_BE.sum(-2).flatten(), group_P)
        self._place_all(selected_BE, expert_P)

    def rows(self, x_BD: Tensor) -> GroupedRows:
        """The input of every pair, sorted by expert. Runs of a stack may share x [B, D], or each have its own."""
        flat_XD = x_BD.flatten(0, -2)
        shared = flat_XD.shape[0] == self.samples
        return GroupedRows(flat_XD.index_select(0, self._sample_P if shared else self._row_P), self.groups)

    def spread(self, rows: GroupedRows) -> Tensor:
        """The outputs of the pairs, by sample: [..., B, K, O]."""
        rows_PO = rows.rows_PI
        if self._there_XK is not None:
            rows_PO = torch.cat([rows_PO, rows_PO.new_zeros(1, rows_PO.shape[-1])])
        by_sample = rows_PO.index_select(0, self._place_XK.flatten())
        return by_sample.unflatten(0, (*self._lead, self.samples, self._place_XK.shape[-1]))

    def narrow(self, routing: Routing, combine: Rule) -> Routing:
        """The routing with its weights over the K places instead of the E experts, for the rule ``combine``."""
        if combine == "probabilities":
            log_weights_BE = given(routing.log_weights_BE, "log_weights_BE")
            return replace(routing, log_weights_BE=self._at_places(log_weights_BE, -torch.inf))
        return replace(routing, weights_BE=self._at_places(routing.weights_BE, 0.0))

    def _place_all(self, selected_BE: Tensor, expert_P: Tensor) -> None:
        """Set the index of every sample's pairs among the sorted ones, [X, K] over X samples of all runs; which of
        these places are taken, None if all are; and their experts."""
        position_P = self._row_P.argsort(stable=True)
        count_X1 = selected_BE.sum(-1).view(-1, 1)
        most = int(count_X1.max()) if len(count_X1) else 0
        if len(position_P) == most * len(count_X1):
            self._there_XK, self._place_XK = None, position_P.view(len(count_X1), most)
            self._expert_XK = expert_P[self._place_XK]
            return
        self._there_XK = torch.arange(most, device=count_X1.device) < count_X1
        nowhere_XK = position_P.new_full(self._there_XK.shape, len(position_P))
        self._place_XK = nowhere_XK.masked_scatter(self._there_XK, position_P)
        self._expert_XK = torch.cat([expert_P, expert_P.new_zeros(1)])[self._place_XK]

    def _at_places(self, values_BE: Tensor, empty: float) -> Tensor:
        values_XK = values_BE.flatten(0, -2).gather(-1, self._expert_XK)
        if self._there_XK is not None:
            values_XK = values_XK.masked_fill(~self._there_XK, empty)
        return values_XK.view(*self._lead, self.samples, self._place_XK.shape[-1])


def _flat_index(axes: list[Tensor], sizes: torch.Size) -> Tensor:
    """The flat index of an entry of the axes before the last two."""
    index, *others = axes
    for axis, size in zip(others, sizes[1:], strict=True):
        index = index * size + axis
    return index
