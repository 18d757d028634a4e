import pytest

from moe_lab.store.facts import read_status
from moe_lab.store.status import LARGEST
from moe_lab.store.untrusted import Unusable

WHOLE = {
    "status": "finished",
    "pid": 7,
    "host": "here",
    "process_start": None,
    "started_at": "2026-01-02T03:04:05+00:00",
    "error": None,
    "key": "2-abc",
    "choices": {"gate": "softmax", "regularizer": ["importance"]},
    "auto_filled": ["gate.combine"],
    "differs": {"k": 2, "regularizer": ["importance"]},
    "headline": {"test_error_rate": 0.25, "dead_experts": 1, "test_loss_nats": None},
    "checksums": {"config.yaml": "00000000"},
}


def test_what_a_run_writes_is_read_as_it_was_written():
    assert read_status(WHOLE) == WHOLE
    assert read_status({"status": "planned"}) == {"status": "planned"}
    later = {**WHOLE, "of_a_later_version": [1]}
    assert read_status(later) == later


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("status", None),
        ("status", "done"),
        ("status", ["finished"]),
        ("kind", "tensor"),
        ("kind", None),
        ("pid", "7"),
        ("pid", 7.0),
        ("started_at", 3),
        ("started_at", "yesterday"),
        ("error", ["\x1b[2J"]),
        ("key", 2),
        ("choices", {"gate": 3}),
        ("choices", {"\x1b[2J": {"a": "b"}}),
        ("differs", [["k", 2]]),
        ("headline", {"test_error_rate": "0.25"}),
        ("headline", {"test_error_rate": 1.1 * LARGEST}),
        ("headline", {"test_error_rate": -1.1 * LARGEST}),
        ("headline", [0.25]),
        ("auto_filled", "k"),
        ("auto_filled", [["k"]]),
        ("checksums", {"config.yaml": 3}),
    ],
)
def test_the_key_that_no_run_writes_so_is_named(key, value):
    with pytest.raises(Unusable, match=f"^is no status of a run: see its {key}$"):
        read_status({**WHOLE, key: value})


def test_a_status_without_a_status():
    with pytest.raises(Unusable, match="see its status"):
        read_status({"key": "2-abc"})


def test_the_earlier_name_of_what_was_filled_in_is_read_as_todays():
    before = {"status": "finished", "left_open": ["k"]}
    assert read_status(before) == {"status": "finished", "auto_filled": ["k"]}
    with pytest.raises(Unusable, match="see its left_open"):
        read_status({**before, "left_open": 3})


def test_numbers_up_to_the_largest_are_read():
    headline = {"test_loss_nats": LARGEST, "test_rmse": -LARGEST}
    assert read_status({**WHOLE, "headline": headline})["headline"] == headline
