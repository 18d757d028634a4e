"""The trainings whose losses are frozen: an arm for every formula that a change of the engine could bend unseen.

In float64 on digits, eight steps in two epochs, so that what machines differ in (the order of sums, their libraries'
last bits) stays in the last digits of a loss, and a changed formula does not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from math import isclose
from pathlib import Path

import torch
from torch import Tensor

from moe_lab.config.build import build
from moe_lab.config.compose import compose
from moe_lab.data.dataset import Data, Split
from moe_lab.data.digits import Digits
from moe_lab.experiment.building import build_learner
from moe_lab.training.loop import Loop
from moe_lab.training.members import Member, Seeds
from moe_lab.training.watch import Watch

#: arm -> its words
ARMS = {
    "softmax": [],
    "softmax, sgd": ["trainer.optimizer=sgd", "trainer.lr=0.1"],
    "attentive with importance": ["gate=attentive", "regularizer=[importance]"],
    "attentive with sample similarity": ["gate=attentive", "regularizer=[sample_similarity]"],
    "switch with its balance and z-loss": ["gate=switch", "regularizer=[switch_balance,z_loss]"],
    "noisy top-k with load": ["gate=noisy_top_k", "regularizer=[load,importance]"],
    "top-k with loss-free bias": ["gate=top_k", "controller=[loss_free_bias]"],
    "relu with l1": ["gate=relu", "regularizer=[l1]"],
    "lasso of the gate": ["gate/score=linear", "regularizer=[lasso]"],
    "entmax with usage": ["gate=entmax", "regularizer=[usage_kl,sample_entropy]"],
    "expert choice": ["gate=expert_choice"],
    "convolutions": ["experts=conv"],
    "em": ["objective=em"],
    "competitive": ["objective=competitive", "objective.exponent=0.5"],
    "stochastic": ["gate=stochastic"],
}
#: of an epoch
STEPS = 4
FILE = Path(__file__).with_name("losses.json")
#: relative; with and without a CPU's vector instructions the losses agree to 1e-15, and formulas differ more
TOLERANCE = 1e-9


@cache
def _digits() -> Data:
    """The first samples of each split: the pixels, 0 to 16, over 8 and less 1. These are exact, while those of the
    data set are rounded to float32, which not every machine does alike."""
    digits = Digits()
    data = digits.load()

    def first(split: Split, samples: int) -> Split:
        pixels_ND = ((split.x_ND[:samples].double() * digits.sd + digits.mean) * 16).round()
        return Split(pixels_ND / 8 - 1, split.y_N[:samples], split.index_N[:samples])

    return replace(data, train=first(data.train, 256), validation=first(data.validation, 128))


@contextmanager
def _in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


class Losses(Watch):
    """Writes down every step's loss, and can ask for a pause after one of them."""

    def __init__(self, pause_after: int | None = None) -> None:
        self.steps: list[float] = []
        self._pause_after = pause_after

    def batch(self, epoch: int, batch: int, loss: Tensor) -> None:
        self.steps.append(loss.item())

    def pause(self) -> bool:
        return len(self.steps) == self._pause_after


def loop_of(arm: str, watch: Losses) -> Loop:
    config = compose(["experts.count=5", "trainer.epochs=2", "trainer.batch_size=64", *ARMS[arm]])
    data = _digits()
    with _in_float64():
        learner = build_learner(config, data.shape, data.classes, seed_init=0).double()
    member = Member(learner, build(config["trainer"]), Seeds(0, 0, 0))
    return Loop([member], data, watch, watch.pause, build(config["recipe"]))


def losses(arm: str) -> dict[str, list[float]]:
    """The loss of every step and, after each epoch, that of the validation split and every regularizer's raw value."""
    watch = Losses()
    loop = loop_of(arm, watch)
    while not loop.finished:
        loop.epoch()
    history = loop.state.records[0].history
    kept = [name for name in history[0] if name == "validation_loss_nats" or name.startswith("regularizer_")]
    return {"steps": watch.steps, **{name: [row[name] for row in history] for name in kept}}


def differing(found: dict[str, list[float]], frozen: dict[str, list[float]]) -> list[str]:
    """Names of the losses that differ from the stored ones."""

    def same(here: list[float], there: list[float]) -> bool:
        close = (isclose(one, other, rel_tol=TOLERANCE, abs_tol=1e-12) for one, other in zip(here, there, strict=False))
        return len(here) == len(there) and all(close)

    return sorted(name for name in found.keys() | frozen.keys() if not same(found.get(name, []), frozen.get(name, [])))
