import pytest

from moe_lab.reports.run.place import environment_facts, moment, speed


def test_moment():
    assert moment("2026-01-02T05:04:05+02:00") == "2026-01-02 03:04 UTC"
    assert moment(None) is None


@pytest.mark.parametrize(
    ("speeds", "text"),
    [
        ([100.0, 90.0, 1.0], "90 training samples per second (median epoch); 6.0 seconds for 3 epochs."),
        ([1234.4], "1,234 training samples per second (median epoch); 2.0 seconds for 1 epoch."),
        ([], "No epoch was timed."),
    ],
)
def test_speed(speeds, text):
    assert speed([{"seconds": 2.0, "samples_per_second": value} for value in speeds]) == text


def test_environment_facts():
    environment = {
        "versions": {"torch": "2.13"},
        "git": {"commit": "abc", "dirty": True},
        "config_hash": "0f",
        "gpu": None,
        "command": ["moe-lab", "train", "a b"],
    }
    assert environment_facts(environment) == {
        "torch": "2.13",
        "git commit": "abc",
        "git dirty": "yes",
        "config hash": "0f",
        "command": "moe-lab train 'a b'",
    }
