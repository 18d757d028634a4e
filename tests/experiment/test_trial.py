"""A user's own gate or regularizer that breaks its contract is refused by one line, before a run has a folder."""

from pathlib import Path

import pytest
import torch

from moe_lab.config.compose import options
from moe_lab.experiment import trial
from moe_lab.experiment.building import build_learner

GATE = """
from torch import Tensor
from moe_lab.parts import Combine, Count, ExpertsOutput, Gate, Linear, Noise, Routing, Sizes, Traits, k_largest


class Own(Gate):
    traits = Traits(rows_sum_to_one=True)

    def __init__(self, sizes: Sizes, *, k: Count | None = 2, combine: Combine | None = None) -> None:
        super().__init__(sizes, k=k, combine=combine)
        self.score = Linear(sizes.features, sizes.experts)

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        z_BE = self.score(x_BD)
        chosen_BE = k_largest(z_BE, self.sizes.k)
        log_BE = z_BE.masked_fill(~chosen_BE, float("-inf")).log_softmax(-1)
        return Routing(z_BE.softmax(-1), log_BE.exp(), chosen_BE, log_BE, z_BE)
"""
REGULARIZER = """
from torch import Tensor
from moe_lab.parts import AnyStep, NonNegative, Regularizer, Sizes


class Largest(Regularizer):
    reads = frozenset({"weights_BE"})

    def __init__(self, sizes: Sizes, *, weight: NonNegative = 0.5) -> None:
        super().__init__(weight)

    def forward(self, step: AnyStep) -> Tensor:
        return step.routing.weights_BE.mean(-2).amax(-1)
"""
SHORT = ["trainer.epochs=1", "trainer.limit_batches=1", "--no-report"]
NETWORK = ["network=mlp", "experts=ffn"]


@pytest.fixture
def own(cli):
    """Runs a command with the two files, in which a text is replaced by another."""

    def run(command, *words, found="", instead=""):
        for name, text in (("own_gate", GATE), ("own_regularizer", REGULARIZER)):
            Path(f"{name}.py").write_text(text.replace(found, instead) if found else text)
        for folder in ("gate", "regularizer"):
            (Path("mine") / folder).mkdir(parents=True, exist_ok=True)
        Path("mine/gate/own.yaml").write_text("_target_: own_gate.Own\nk: 2\ncombine: null\n")
        text = "# @package regularizers.largest\n_target_: own_regularizer.Largest\nweight: 0.5\n"
        Path("mine/regularizer/largest.yaml").write_text(text)
        plugins = ["--plugin", "own_gate.py", "--plugin", "own_regularizer.py"]
        return cli(command, *words, "--config-dir", "mine", *plugins)

    return run


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        (
            "self.sizes.k)",
            "3)",
            'selected_BE selects 3 experts for a sample; expected k=2, as its traits have active="k"',
        ),
        ("log_BE.exp(),", "2 * log_BE.exp(),", "a row of weights_BE sums to 2; expected 1"),
        ("z_BE.softmax(-1),", "z_BE.softmax(-1) / 2,", "a row of probs_BE sums to 0.5; expected 1"),
        ("z_BE.softmax(-1),", "z_BE.softmax(-1)[..., :-1],", "probs_BE has the shape (32, 4); expected (32, 5)"),
        ("chosen_BE, log", "chosen_BE.float(), log", "selected_BE is of torch.float32; expected torch.bool"),
        ("z_BE = self.score(x_BD)", "z_BE = self.score(x_BD).log()", "probs_BE has nan for a first batch"),
        ("log_softmax(-1)", "log_softmax(0)", "a row of weights_BE sums to"),
        ("log_BE, z_BE)", "log_BE)", "the routing has no logits_BE, and its traits have gives_logits=True"),
        ("log_BE, z_BE)", "None, z_BE)", "the routing has no log_weights_BE"),
        ("return Routing(", "return (z_BE,) or Routing(", "forward gives a tuple; expected a Routing"),
        ("def forward", "def forwards", "has no method forward"),
        ("x_BD)\n", "x_BD.missing)\n", "fails for a first batch (own_gate.py, line 14): AttributeError"),
        ("    traits =", "    trait =", "own_gate.Own has no traits: write `traits = Traits(rows_sum_to_one=True)`"),
    ],
)
def test_a_broken_gate_is_refused(own, found, instead, said):
    result = own("train", "gate=own", *SHORT, found=found, instead=instead)
    assert result.code == 2 and result.err.count("\n") == 1, result.err
    assert "own_gate.Own" in result.err and said in result.err
    assert not Path("runs").exists()
    assert said in own("config", "gate=own", found=found, instead=instead).err


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        ("amax(-1)", "amax(-1).detach()", "forward gives a value without gradient, which would have no effect"),
        (".amax(-1)", "", "; expected one floating-point number, of shape ()"),
        ("amax(-1)", "amax(-1).sub(2).log()", "forward gives nan for a first batch; expected a finite number"),
        ("return step", "return 3.0 or step", "forward gives a float; expected a tensor"),
        ("def forward", "def forwards", "has no method forward"),
        ("step.routing", "step.rooting", "fails for a first batch (own_regularizer.py, line 13): AttributeError"),
    ],
)
@pytest.mark.parametrize("network", [[], NETWORK], ids=["mixture", "network"])
def test_a_broken_regularizer_is_refused(own, network, found, instead, said):
    words = ["gate=softmax", "regularizer=[largest]", *network]
    result = own("train", *words, *SHORT, found=found, instead=instead)
    assert result.code == 2 and result.err.count("\n") == 1, result.err
    assert "own_regularizer.Largest" in result.err and said in result.err
    assert not Path("runs").exists()


@pytest.mark.parametrize("network", [[], NETWORK, ["network=language_model", "experts=ffn"]])
def test_right_parts_are_trained(own, network):
    small = ["dataset.sequences=2000"] if "network=language_model" in network else []
    data = ["dataset=markov_languages"] if small else []
    words = ["gate=own", "regularizer=[largest]", *network, *data, *small]
    assert own("train", *words, *SHORT, "--name", "right").code == 0


def test_the_run_draws_the_same_numbers(own, monkeypatch):
    for name, changed in (("tried", False), ("untried", True)):
        if changed:
            monkeypatch.setattr("moe_lab.experiment.job.try_own_parts", lambda config: None)
        torch.manual_seed(0)
        assert own("train", "gate=own", *SHORT, "--name", name).code == 0
    one, other = (Path("runs", name, "history.csv").read_bytes() for name in ("tried", "untried"))
    assert one == other


def test_moe_labs_own_parts_are_not_tried(cli, monkeypatch):
    monkeypatch.setattr(trial, "build_model", None)
    assert cli("config", "gate=attentive", "regularizer=[importance]").code == 0


@pytest.mark.parametrize("name", options("gate"))
def test_every_gate_of_moe_lab_keeps_the_contract(monkeypatch, name):
    from moe_lab.config.compose import compose

    monkeypatch.setattr(trial, "_own_name", lambda part: type(part).__name__)
    learner = build_learner(compose([f"gate={name}"]), (1, 8, 8), 4, 0)
    trial._try(learner, *trial._batch((1, 8, 8), 4, False))
