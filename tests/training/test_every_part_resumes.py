"""A loop that is saved in the middle of an epoch and goes on elsewhere ends with the same bits, whatever its parts are:
what a part keeps besides its parameters is in the checkpoint."""

from pathlib import Path

import pytest

import moe_lab
from moe_lab.store import checkpoint

CONF = Path(moe_lab.__file__).parent / "conf"
GATES = sorted(path.stem for path in (CONF / "gate").glob("*.yaml"))
#: what a gate needs to be told with small images
OWN = {"soft_moe": ["gate.patch=1"]}
#: regularizers that fit one gate are taken all at once
REGULARIZERS = {
    "noisy_top_k": "importance,lasso,load,mutual_information,orthogonality,sample_entropy,sample_similarity,simbal,"
    "switch_balance,usage_kl,variance,z_loss",
    "hard_concrete": "l0,l1",
    "dselect_k": "selector_entropy",
}
#: objective -> a gate that it fits; mixture_density is for numbers
OBJECTIVES = {
    **dict.fromkeys(["competitive", "cooperative", "em", "expected_loss", "mixture"], "softmax"),
    **dict.fromkeys(["expert_loss", "matching_pursuit"], "matching_pursuit"),
    **dict.fromkeys(["loudest", "peeking"], "loudest"),
    "stochastic": "stochastic",
}
CASES = [
    *([f"gate={gate}", *OWN.get(gate, [])] for gate in GATES),
    *([f"gate={gate}", f"regularizer=[{names}]"] for gate, names in REGULARIZERS.items()),
    *([f"gate={gate}", f"objective={name}"] for name, gate in OBJECTIVES.items()),
    *(["gate=top_k", f"controller=[{name}]"] for name in ("hard_constraint", "loss_free_bias", "temperature")),
]


def options(group: str) -> set[str]:
    return {path.stem for path in (CONF / group).glob("*.yaml")}


def test_no_part_is_forgotten():
    assert {name for names in REGULARIZERS.values() for name in names.split(",")} == options("regularizer")
    assert {*OBJECTIVES, "mixture_density"} == options("objective")
    assert {words[-1].partition("[")[2][:-1] for words in CASES if "controller" in words[-1]} == options("controller")


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
