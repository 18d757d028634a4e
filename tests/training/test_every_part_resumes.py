"""A loop that is saved in the middle of an epoch and goes on elsewhere ends with the same bits, whatever its parts are:
what a part keeps besides its parameters is in the checkpoint."""

import pytest

from moe_lab.store import checkpoint
from tests.conformance.cases import GateCase, plain

FORMS = [form for group in ("gate", "regularizer", "objective", "controller") for form in plain(group)]
#: the data of these tests have classes, and little images
CASES = [
    [*form.words, *(form.case.small if isinstance(form.case, GateCase) else [])]
    for form in FORMS
    if not form.case.of_numbers
]


@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_a_part_goes_on_from_a_checkpoint_as_if_nothing_had_been(words, loop_of, after, same, tmp_path):
    size = {"epochs": 2, "limit_batches": 3}
    stop = after(4)
    broken = loop_of(*words, watch=stop, pause_asked=stop, **size)
    assert broken.epoch() and not broken.epoch() and broken.state.batch == 1
    checkpoint.save(tmp_path, broken.state_dict())
    whole, resumed = loop_of(*words, **size), loop_of(*words, **size)
    resumed.load_state_dict(checkpoint.load(tmp_path))
    for loop in (whole, resumed):
        while not loop.finished:
            loop.epoch()
    found, expected = resumed.state_dict(), whole.state_dict()
    for state in (found, expected):
        state.pop("seconds")
        for record in state["records"]:
            record.pop("timing")
    assert same(found, expected)
