"""Recording the calls of a running model's banks of experts as a trace.

Axes: **B** sequences of a call, **S** tokens of each, **N** rows of a call that are no padding, **T** all rows,
**E** experts, **K** slots.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from moe_lab.errors import DataError, RunError, cut
from moe_lab.experiment.recording.banks import CONTRACT, Bank, Decision, banks_of, decision, family, refused
from moe_lab.experiment.recording.layers import lacks, layer_trace
from moe_lab.experiment.recording.sample import LogitSample
from moe_lab.experiment.recording.sequences import Rows, Sequences
from moe_lab.experiment.trace_inputs import trace_from
from moe_lab.experiment.traces import Trace
from moe_lab.routing.trace import LayerTrace

#: what a call names the tokens before it, from transformers 5.24 on and until then
_CACHES = ("cache", "past_key_values")


@dataclass
class _Call:
    """A call of the model under way: B and S, the ids of its tokens, its rows, and what its banks were called with."""

    shape: tuple[int, int]
    ids_N: np.ndarray
    rows: Rows
    decisions: dict[str, list[Decision | None]] = field(default_factory=dict)
    logits: dict[str, Tensor] = field(default_factory=dict)


class Recorder:
    """Records the routing of a transformers model inside a ``with`` block, in ``generate`` too.

        with Recorder(model) as recorder:
            model(**tokenizer(texts, return_tensors="pt", padding=True))
        trace = recorder.trace(labels={"domain": domains})

    Each sequence is a document. Rows of padding (by ``attention_mask``) are left out, and so are experts that were
    selected with the weight 0. The last token that was generated was never fed, and has no row.

    Raises DataError, which names the model's family, if it has no bank of experts, or a call is not recorded whole:
    every bank once, with the decision of every row.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self.banks = banks_of(model)
        self._signature = inspect.signature(model.forward)
        self._sequences = Sequences()
        self._sample = LogitSample()
        self._call: _Call | None = None
        self._handles: list[RemovableHandle] = []
        self._rows: list[tuple[np.ndarray, Rows]] = []
        self._experts: dict[str, list[np.ndarray]] = {bank.name: [] for bank in self.banks}
        self._weights: dict[str, list[np.ndarray]] = {bank.name: [] for bank in self.banks}

    def __enter__(self) -> "Recorder":
        model = self._model
        self._handles = [
            model.register_forward_pre_hook(self._begin, with_kwargs=True),
            model.register_forward_hook(self._end),
        ]
        for bank in self.banks:
            self._handles += self._hooked(bank)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()

    def trace(self, labels: Mapping[str, Sequence[Any]] | None = None, **facts: Any) -> Trace:
        """The trace of all calls so far, document by document.

        Args:
            labels: name -> a text or integer of each document, in the order in which they were fed.
            facts: ``source``, ``checksum`` and ``missing`` of a trace.

        Raises DataError if nothing was recorded, and RunError if a label is not of as many documents.
        """
        if not self._rows:
            raise DataError(f"{family(self._model)}: nothing was recorded; call the model inside the `with` block")
        document_T = np.concatenate([rows.document_N for _, rows in self._rows])
        position_T = np.concatenate([rows.position_N for _, rows in self._rows])
        order_T = np.lexsort((position_T, document_T))
        layers = self._layers(order_T)
        missing = {**lacks(self.banks, layers), **facts.pop("missing", {})}
        found = trace_from(
            layers,
            document_T[order_T],
            {name: self._of_rows(name, values, document_T[order_T]) for name, values in (labels or {}).items()},
            np.concatenate([ids_N for ids_N, _ in self._rows])[order_T],
            position_T[order_T],
            None,
            **{"source": family(self._model), "checksum": "", **facts, "missing": missing},
        )
        return Trace.of(found)

    def _of_rows(self, name: str, values: Sequence[Any], document_T: np.ndarray) -> list[Any]:
        fed = self._sequences.documents
        if len(values) != fed:
            raise RunError(f"label {cut(name)!r}: {len(values)} values; expected {fed}, one for each sequence")
        return [values[one] for one in document_T]

    def _layers(self, order_T: np.ndarray) -> list[LayerTrace]:
        numbers_S, logits = self._sample.taken()
        place_T = np.argsort(order_T)
        return [
            layer_trace(
                bank,
                np.concatenate(self._experts[bank.name])[order_T],
                np.concatenate(self._weights[bank.name])[order_T],
                place_T[numbers_S],
                logits.get(bank.name),
            )
            for bank in self.banks
        ]

    def _hooked(self, bank: Bank) -> list[RemovableHandle]:
        def called(_: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
            if self._call is not None:
                self._call.decisions.setdefault(bank.name, []).append(decision(arguments, keywords))

        def routed(_: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
            if self._call is not None:
                self._call.logits[bank.name] = output if isinstance(output, Tensor) else output[bank.logits_at]

        handles = [bank.module.register_forward_pre_hook(called, with_kwargs=True)]
        return handles if bank.router is None else [*handles, bank.router.register_forward_hook(routed)]

    def _begin(self, model: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        given = {**self._signature.bind_partial(*arguments).arguments, **keywords}
        ids_BS = given.get("input_ids")
        if ids_BS is None:
            raise DataError(f"{family(model)}: a call without input_ids cannot be recorded")
        past = max((int(given[name].get_seq_length()) for name in _CACHES if given.get(name) is not None), default=0)
        rows = self._sequences.place(self._is_token(ids_BS, given.get("attention_mask")), past)
        self._call = _Call(tuple(ids_BS.shape), ids_BS.cpu().numpy().reshape(-1)[rows.kept_N], rows)

    def _is_token(self, ids_BS: Tensor, mask: Tensor | None) -> np.ndarray:
        """Whether each token of a call is none of padding; a mask is of the tokens before the call, too."""
        if mask is None:
            return np.ones(ids_BS.shape, dtype=bool)
        if mask.ndim != 2:
            raise DataError(f"{family(self._model)}: attention_mask has {mask.ndim} axes; expected sequences x tokens")
        return mask[:, -ids_BS.shape[1] :].cpu().numpy() != 0

    def _end(self, model: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
        call, self._call = self._call, None
        if call is None:
            return
        kept_N = call.rows.kept_N
        for bank in self.banks:
            made = self._whole(bank, call)
            # indexing copies, and what comes later does not change it
            self._experts[bank.name].append(made.experts_TK.to("cpu", torch.int32).numpy()[kept_N])
            self._weights[bank.name].append(made.weights_TK.detach().to("cpu", torch.float32).numpy()[kept_N])
        self._rows.append((call.ids_N, call.rows))
        drawn_S = kept_N[self._sample.draw(len(kept_N))]
        self._sample.add({name: _rows_of(one, drawn_S) for name, one in call.logits.items()})

    def _whole(self, bank: Bank, call: _Call) -> Decision:
        """The decision of every row of a call. Raises DataError."""
        made = call.decisions.get(bank.name, [])
        if len(made) != 1:
            raise refused(
                self._model,
                bank,
                f"`experts` were called {len(made)} times in a forward pass, not once: a kernel or a compiled graph "
                "may stand in for the block (turn it off), or the family calls its experts otherwise",
            )
        one, rows = made[0], call.shape[0] * call.shape[1]
        if one is None:
            raise refused(self._model, bank, CONTRACT)
        if len(one.experts_TK) != rows or one.weights_TK.shape != one.experts_TK.shape:
            raise refused(
                self._model,
                bank,
                f"`experts` were called with {tuple(one.experts_TK.shape)} experts and {tuple(one.weights_TK.shape)} "
                f"weights, and the call has {rows} tokens",
            )
        return one


def _rows_of(logits: Tensor, drawn_S: np.ndarray) -> np.ndarray:
    whole_TE = logits.detach().reshape(-1, logits.shape[-1])
    return whole_TE[torch.from_numpy(drawn_S).to(whole_TE.device)].to("cpu", torch.float32).numpy()
