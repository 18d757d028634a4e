"""Traces to test with: one by hand, and any that the type allows, drawn by hypothesis."""

from dataclasses import fields
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from moe_lab.routing.trace import NONE, Labels, LayerTrace, Trace
from moe_lab.routing.trace_files import write_trace
from moe_lab.store.run import Run

NAMES = st.text(max_size=5)
LAYER_NAMES = NAMES.filter(lambda text: text and text.isprintable())


def halves(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Floats that half precision holds exactly."""
    return generator.random(shape).astype(np.float16)


@st.composite
def layers(draw, rows: int, name: str) -> LayerTrace:
    experts = draw(st.sampled_from([1, 2, 7, 254, 255, 256, 32_767, 32_768, 65_535]))
    slots = draw(st.integers(1, 3))
    generator = np.random.default_rng(draw(st.integers(0, 2**16)))
    experts_TK = np.full((rows, slots), NONE)
    for row in experts_TK:
        count = generator.integers(0, min(slots, experts) + 1)
        # the first and the last expert are where a type ends
        chosen = [*{0, experts - 1, int(generator.integers(experts))}][:count]
        row[generator.permutation(slots)[: len(chosen)]] = chosen
    optional = {}
    if draw(st.booleans()):
        optional["weights_TK"] = np.where(experts_TK == NONE, 0, halves(generator, experts_TK.shape))
    if draw(st.booleans()):
        optional["sample_S"] = np.flatnonzero(generator.random(rows) < 0.5)
        distributions = halves(generator, (len(optional["sample_S"]), experts))
        kind = draw(st.sampled_from(["probs_SE", "logits_SE"]))
        optional[kind] = distributions if kind == "probs_SE" else -distributions
        optional["usage_E"] = generator.random(experts)
        optional["entropy_T"] = generator.random(rows).astype(np.float32)
    return LayerTrace(name=name, experts=experts, experts_TK=experts_TK, ranked=draw(st.booleans()), **optional)


@st.composite
def labels(draw, length: int) -> Labels:
    names = tuple(draw(st.lists(NAMES, max_size=4, unique=True)))
    value = draw(st.lists(st.integers(NONE, len(names) - 1), min_size=length, max_size=length))
    return Labels(value=np.array(value), names=names)


@st.composite
def traces(draw) -> Trace:
    rows = draw(st.integers(1, 6))
    documents = draw(st.integers(1, rows))
    names = draw(st.lists(LAYER_NAMES, min_size=1, max_size=3, unique=True))
    generator = np.random.default_rng(draw(st.integers(0, 2**16)))
    optional = {}
    if draw(st.booleans()):
        loss_T = generator.random(rows).astype(np.float32)
        loss_T[-1] = np.nan
        optional = {
            "position_T": np.arange(rows),
            "token_id_T": generator.integers(0, 2**31, rows),
            "loss_T": loss_T,
        }
    return Trace(
        layers=tuple(draw(layers(rows, name)) for name in names),
        document_T=generator.permutation(np.arange(rows) % documents),
        row_labels=draw(st.dictionaries(st.sampled_from(["class", "b c", "é"]), labels(rows), max_size=2)),
        document_labels=draw(st.dictionaries(st.sampled_from(["domain", "d-1"]), labels(documents), max_size=2)),
        source=draw(NAMES),
        checksum=draw(NAMES),
        missing={"weights": "the source has none"} if draw(st.booleans()) else {},
        **optional,
    )


TRACE = Trace(
    layers=(
        LayerTrace(
            name="../layers/0",
            experts=255,
            experts_TK=np.array([[0, 254], [1, NONE], [NONE, NONE]]),
            weights_TK=np.array([[0.75, 0.25], [1.0, 0.0], [0.0, 0.0]]),
            sample_S=np.array([0, 2]),
            probs_SE=np.full((2, 255), 1 / 255),
            usage_E=np.full(255, 1 / 255),
            entropy_T=np.array([8.0, 1.0, np.nan]),
        ),
        LayerTrace(name="last", experts=256, experts_TK=np.array([[0], [255], [NONE]]), ranked=False),
    ),
    document_T=np.array([0, 1, 0]),
    loss_T=np.array([0.5, np.nan, 0.25]),
    document_labels={"domain": Labels(value=np.array([0, NONE]), names=("../../code",))},
    source="three rows by hand",
    checksum="sha256:00",
    missing={"token_id": "the server does not return them"},
)


def same(one: object, other: object) -> bool:
    """Whether two traces, or parts of them, hold the same numbers and texts."""
    if isinstance(one, Trace | LayerTrace | Labels):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return one == other


def written(trace: Trace, folder: Path) -> Run:
    write_trace(folder, trace)
    return Run(folder)
