"""One model on several ranks against the same one in one process."""

from dataclasses import dataclass

import torch
from torch import Tensor

from moe_lab.config.compose import compose
from moe_lab.data.dataset import Data, Split
from moe_lab.experiment.models import build_model
from moe_lab.layers.ranks import Ranks, among
from moe_lab.mixture.sharded import sharded_names
from moe_lab.training.learner import AnyLearner
from moe_lab.training.loop import Loop
from moe_lab.training.members import Member, Seeds
from moe_lab.training.options import Trainer
from moe_lab.training.watch import Watch

#: a batch that no number of ranks divides, and a last one of a single sample
SAMPLES, BATCH = 67, 33
#: samples of each rank in the step whose bits are compared: products of a few rows are computed in another order than
#: those of many
EACH = 32


def data(dtype: torch.dtype) -> Data:
    splits = [split(samples, seed, dtype) for seed, samples in enumerate((SAMPLES, 20, 20))]
    return Data(*splits, (1, 4, 4), ("a", "b", "c", "d"), {"class": splits[2].y_N.numpy()})


def split(samples: int, seed: int, dtype: torch.dtype) -> Split:
    x = torch.randn(samples, 16, generator=torch.Generator().manual_seed(seed))
    return Split(x.to(dtype), x[:, :4].argmax(-1), torch.arange(samples))


@dataclass(frozen=True)
class Equal:
    """A case: the words of a model, and how far its numbers may be from those of one process."""

    words: tuple[str, ...]
    same_bits: bool = False
    double: bool = False

    def __call__(self, ranks: Ranks) -> None:
        dtype = torch.float64 if self.double else torch.float32
        relative = 1e-12 if self.double else 1e-6
        alone, sharded = self._learner(None).to(dtype), self._learner(ranks).to(dtype)
        places = sharded_names(sharded)
        assert places and len(places) < len(dict(sharded.named_parameters()))
        first = split(EACH * ranks.count, 0, dtype)
        one, many = (gradients(learner, first) for learner in (alone, sharded))
        for name, theirs in one.items():
            mine = many[name]
            theirs = theirs[ranks.span(places[name])] if name in places else theirs
            if self.same_bits and (name in places or name == "log_probs"):
                assert torch.equal(mine, theirs), (name, (mine - theirs).abs().max())
            near(mine, theirs, relative, name)
        steps = 20
        loops = [self._trained(learner, dtype, steps) for learner in (self._learner(None), self._learner(ranks))]
        theirs, mine = (dict(loop.learner.named_parameters()) for loop in loops)
        for name, parameter in theirs.items():
            own = parameter[ranks.span(places[name])] if name in places else parameter
            near(mine[name], own, relative, name)
        rows = [loop.state.records[0].history[-1] for loop in loops]
        assert rows[0].keys() == rows[1].keys()
        for name, value in rows[0].items():
            assert abs(rows[1][name] - value) <= 1e-5 * max(1.0, abs(value)), name

    def _learner(self, ranks: Ranks | None) -> AnyLearner:
        words = ("experts.count=5", "experts.hidden=6", "trainer.dispatch=sparse", *self.words)
        config = compose([word for word in words if "linear" not in self.words[0] or "hidden" not in word])
        with among(ranks):
            return build_model(config, (1, 4, 4), 4, seed_init=0)

    def _trained(self, learner: AnyLearner, dtype: torch.dtype, steps: int) -> Loop:
        epochs = -(-steps // -(-SAMPLES // BATCH))
        # the bias of attention's keys has no gradient but rounding, of which Adam would make steps as large as others
        optimizer = "sgd" if "network" in self.words[0] else "adam"
        loop = loop_of(learner.to(dtype), Trainer(epochs=epochs, batch_size=BATCH, optimizer=optimizer), data(dtype))
        while not loop.finished:
            loop.epoch()
        return loop


def loop_of(learner: AnyLearner, trainer: Trainer, of: Data) -> Loop:
    return Loop([Member(learner, trainer, Seeds(0, 0, 0))], of, Watch(), lambda: False)


def gradients(learner: AnyLearner, batch: Split) -> dict[str, Tensor]:
    """The first step: what is predicted, and the gradient of every parameter."""
    x_BD, y_B = batch.x_ND, batch.y_N
    noise = learner.noise([0], "noise/0", torch.device("cpu"))
    learner.train()
    output = learner(x_BD, noise)
    _, losses = learner.losses(learner.step(x_BD, y_B, output, noise))
    losses.total.backward()
    found = {name: one.grad for name, one in learner.named_parameters() if one.grad is not None}
    return {"log_probs": output.log_probs_BC.detach(), **found}


def near(mine: Tensor, theirs: Tensor, relative: float, name: str) -> None:
    """Relative to the largest number of the tensor."""
    distance = (mine - theirs).detach().abs().max().item() if len(mine) else 0.0
    assert distance <= relative * max(theirs.detach().abs().max().item(), 1e-30) + 1e-30, (name, distance)
