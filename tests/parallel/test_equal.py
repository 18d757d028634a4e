"""On several ranks a model gives the numbers of one process."""

from dataclasses import replace

import pytest

from tests.parallel import collectives, evaluated
from tests.parallel.equal import Equal
from tests.parallel.ranked import run_cases

NETWORK = ("network=vision_transformer", "network.width=8", "network.heads=2", "network.patch=2")
EQUAL = {
    "top_k": Equal(("gate=top_k", "k=2", "gate/score=linear"), same_bits=True),
    "switch": Equal(("gate=switch", "regularizer=[switch_balance]"), same_bits=True),
    "double": Equal(("gate=top_k", "k=2", "regularizer=[importance]"), double=True),
    "linear": Equal(("experts=linear", "gate=top_k", "k=2"), same_bits=True),
    "noisy": Equal(("gate=noisy_top_k", "k=2", "regularizer=[load,importance]")),
    "capacity": Equal(("gate=gshard_top2",)),
    "sinkhorn": Equal(("gate=sinkhorn",)),
    "expert_choice": Equal(("gate=expert_choice",)),
    "similarity": Equal(("gate=top_k", "k=2", "regularizer=[sample_similarity]")),
    "simbal": Equal(("gate=top_k", "k=2", "gate/score=linear", "regularizer=[simbal]")),
    "loss_free": Equal(("gate=top_k", "k=2", "gate/score=linear", "controller=[loss_free_bias]")),
    "network": Equal((*NETWORK, "gate=switch", "regularizer=[switch_balance]"), same_bits=True),
    "network_double": Equal((*NETWORK, "gate=top_k", "k=2", "regularizer=[sample_similarity]"), double=True),
    "network_capacity": Equal((*NETWORK, "gate=batch_prioritized")),
}
CASES = {**collectives.CASES, **EQUAL, **evaluated.CASES}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    return run_cases(CASES, 2, tmp_path_factory.mktemp("ranks"))


@pytest.mark.parametrize("case", CASES)
def test_on_two_ranks(outcomes, case):
    for said in outcomes[case]:
        assert not said, said


def test_so_do_four_ranks(tmp_path):
    # of 128 rows in one process and 32 on each rank, the gate's products differ in the last bits
    cases = {
        name: replace(one, same_bits=False) for name, one in EQUAL.items() if name in ("top_k", "capacity", "network")
    }
    for case, outcomes in run_cases(cases, 4, tmp_path).items():
        for said in outcomes:
            assert not said, f"{case}: {said}"
