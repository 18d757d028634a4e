"""What several processes cannot train is refused, with the reason and what mends it."""

import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.experiment import machine
from moe_lab.experiment.job import prepare

PARALLEL = ["parallel=experts", "gate=top_k", "k=2"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gate=attentive"], "this gate reads what every expert computed; take parallel=none"),
        (["k=5"], "k=5 selects every expert; take parallel=none"),
        (["objective=competitive"], "objective Competitive reads every expert; take parallel=none"),
        (["regularizer=[orthogonality]"], "regularizer orthogonality reads every expert; take parallel=none"),
        (
            ["network=mlp", "dataset=toy_clusters", "experts.zero=1"],
            "experts without a network are not shared out; take parallel=none",
        ),
        (["gate=gumbel", "k=1"], "the gradient of this gate reads experts that are not selected; take parallel=none"),
        (["experts=conv"], "take parallel=none"),
        (["gate/score/body=conv", "gate.score.body.batch_norm=[0]"], "batch normalization takes statistics of a batch"),
        (
            ["gate=noisy_top_k", "gate/select=sinkhorn"],
            "this gate ranks the samples of a batch by more than its scores",
        ),
        (["parallel.processes=6"], "parallel.processes=6 leaves a process without an expert: there are 5"),
        (["baseline=single"], "a baseline has no experts to share; take baseline=none"),
        (
            ["recipe=prechosen", "recipe.groups=[[0,1,2,3,4],[5,6],[7],[8],[9]]"],
            "recipe Prechosen asks the whole mixture; take recipe=end_to_end",
        ),
        (["trainer.skip_untouched=true"], "take trainer.skip_untouched=false"),
        (["trainer.dispatch=dense"], "no process has all experts; take trainer.dispatch=auto"),
        (["parallel.statistics=local"], "parallel.statistics"),
        (["parallel.processes=0"], "parallel.processes"),
    ],
)
def test_it_is_refused(words, said):
    with pytest.raises(ConfigError) as error:
        prepare([*PARALLEL, *words])
    assert said in str(error.value)


def test_without_a_group_a_config_has_no_key_of_it():
    assert "parallel" not in prepare([]).config and "parallel" not in prepare(["parallel=none"]).config


def test_the_key_has_the_number_of_processes_and_the_state_has_it_not():
    two, three, slow = (
        prepare([*PARALLEL, word]) for word in ("seed=0", "parallel.processes=3", "parallel.timeout_seconds=5")
    )
    assert two.key != three.key and two.state_key == three.state_key != two.key
    assert two.key == slow.key
    alone = prepare(["gate=top_k", "k=2"])
    assert alone.state_key == alone.key != two.key
    by_rank = prepare([*PARALLEL, "parallel.statistics=rank"])
    assert by_rank.state_key != two.state_key


def test_a_dispatcher_that_says_auto_is_sparse():
    assert prepare(PARALLEL).config["trainer"]["dispatch"] == "sparse"
    network = ["network=mlp", "gate=switch", "dataset=toy_clusters", "parallel=experts"]
    assert prepare(network).config["trainer"]["dispatch"] == "sparse"


@pytest.fixture
def gpus(monkeypatch):
    """A function that makes torch find a number of GPUs; it returns the list of those that are taken."""
    taken = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)

    def find(count):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        return taken

    return find


def test_every_process_has_a_gpu_or_none_has(gpus, monkeypatch):
    gpus(2)
    assert prepare([*PARALLEL, "device=cuda"]).config["device"] == "cuda"
    with pytest.raises(ConfigError, match="each of 3 processes needs a GPU, and torch finds 2; take device=cpu"):
        prepare([*PARALLEL, "parallel.processes=3"])
    assert prepare([*PARALLEL, "parallel.processes=3", "device=cpu"])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(ConfigError, match="no way to exchange tensors of device=mps; take device=cpu"):
        prepare([*PARALLEL, "device=mps"])


def test_a_process_takes_the_gpu_of_its_number_on_its_machine(gpus):
    taken = gpus(2)
    machine.take_gpu(1)
    assert taken == [1]
    with pytest.raises(ConfigError, match="process 3 of this machine needs a GPU of its own, and torch finds 2"):
        machine.take_gpu(2)


def test_tensors_on_gpus_go_by_nccl():
    assert machine.BACKENDS == {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
