"""Notes on a trace: each sentence stands there exactly if its reason holds."""

import re
from dataclasses import replace

import numpy as np
import pytest

from moe_lab.routing import trace_notes
from moe_lab.routing.trace import NONE, Labels, LayerTrace, Trace

ROWS, DOCUMENTS = 240, 40


def notes(one):
    return list(map(str, trace_notes.notes(one)))


def layer(**changes):
    """Four experts, two a row, in either order, of weights 3/4 and 1/4."""
    number_T = np.arange(ROWS)
    first_T = number_T % 4
    arrays = {
        "name": "block0",
        "experts": 4,
        "experts_TK": np.stack([first_T, (first_T + 1) % 4], axis=1),
        "weights_TK": np.tile([0.75, 0.25], (ROWS, 1)),
    }
    return LayerTrace(**(arrays | changes))


def trace(*layers, **changes):
    facts = {
        "document_T": np.arange(ROWS) % DOCUMENTS,
        "token_id_T": np.arange(ROWS),
        "document_labels": {"domain": Labels(value=np.arange(DOCUMENTS) % 2, names=("code", "prose"))},
    }
    return Trace(layers=layers or (layer(),), **(facts | changes))


def emptied(rows, slots=slice(None)):
    experts_TK = layer().experts_TK.copy()
    experts_TK[:rows, slots] = NONE
    return layer(experts_TK=experts_TK, weights_TK=None)


def test_nothing_is_said_of_a_trace_that_has_all():
    assert notes(trace()) == []


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (trace(document_T=np.zeros(ROWS, dtype=int), document_labels={}), "all rows are of one document"),
        (trace(document_T=np.arange(ROWS) % 10, document_labels={}), "documents: 10 are few"),
        (trace(document_T=np.arange(ROWS), document_labels={}), "each row is one of its own"),
        (trace(document_labels={}), "labels: there are none"),
        # 19 documents of the first, 21 of the second
        (
            trace(document_labels={"a": Labels(value=(np.arange(40) > 18).astype(int), names=("x", "y"))}),
            r"label a: it has only 19 documents with x; 20 or more are better$",
        ),
        # one of 40 documents has none
        (
            trace(document_labels={"a": Labels(value=np.minimum(np.arange(40) - 1, 0), names=("x",))}),
            "label a: missing for 2.5% of rows",
        ),
        (trace(emptied(60)), "block0: 25.0% of rows have no expert"),
        (trace(emptied(60, 1)), "block0: rows select 1 to 2 experts"),
        (trace(layer(experts=5)), "block0: 1 of 5 experts are never selected"),
        (trace(layer(experts=9)), "block0: the largest selected number is 3 of 0 to 8"),
        (trace(layer(experts_TK=np.zeros((ROWS, 1), dtype=int), weights_TK=None)), "one and the same expert"),
        (trace(emptied(ROWS)), "block0: no row has an expert"),
        (trace(layer(ranked=False)), "the order of choice is not known"),
        (trace(layer(experts_TK=np.sort(layer().experts_TK, axis=1))), "experts are in rising order"),
        (trace(layer(weights_TK=np.tile([0.25, 0.75], (ROWS, 1)))), "weights do not fall from slot to slot"),
        # 0.75 + 0.25, times DeepSeek-V3's routed_scaling_factor of 2.5
        (trace(layer(weights_TK=2.5 * layer().weights_TK)), r"do not all sum to 1 \(2\.5\)"),
        (trace(token_id_T=None), "^token ids: not known, so neither .* is measured$"),
        (trace(token_id_T=None, missing={"token_id": "no server has them"}), r"is measured \(no server has them\)$"),
        (trace(emptied(0)), "^weights: not known, so every slot counts the same$"),
        (trace(emptied(0), layer(name="b")), "^weights: not known in block0, so every slot counts the same$"),
        (trace(missing={"last token": "it was not fed"}), "^last token: it was not fed$"),
    ],
)
def test_a_note(one, said):
    found = notes(one)
    assert any(re.search(said, note) for note in found), found


def test_what_nobody_gave_a_reason_for_and_nothing_follows_from_is_not_said():
    """A folder names all that a trace lacks."""
    assert notes(trace(missing={"position": "not given", "loss": "not given"})) == []


def test_what_is_the_same_for_all_layers_is_said_once():
    one = layer(ranked=False)
    both = trace(one, replace(one, name="block1"))
    assert notes(both) == ["all layers: the order of choice is not known, so there is no first choice without weights"]
    assert notes(trace(one, layer(name="block1")))[0].startswith("block0: ")


def test_the_numbers_of_layers_of_which_the_same_is_said_are_a_range():
    """Sums of 1 x 2 and of 1 x 2.5; 60 and 120 of 240 rows are empty."""
    scaled = [layer(name=name, weights_TK=by * layer().weights_TK) for name, by in (("block0", 2.5), ("block1", 2.0))]
    (note,) = notes(trace(*scaled))
    assert note.startswith("all layers: weights of a row do not all sum to 1 (2 to 2.5): ")
    some = trace(layer(), replace(emptied(60), name="block1"), replace(emptied(120), name="block2"))
    assert notes(some)[0].startswith("block1, block2: 25.0% to 50.0% of rows have no expert")
