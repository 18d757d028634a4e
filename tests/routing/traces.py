"""Traces to test with: any that the type allows, drawn by hypothesis."""

import numpy as np
from hypothesis import strategies as st

from moe_lab.routing.trace import NONE, Labels, LayerTrace, Trace

NAMES = st.text(max_size=5)


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
    names = draw(st.lists(NAMES.filter(bool), min_size=1, max_size=3, unique=True))
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
