"""What the leading rank evaluates with the experts of all, against one process."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from moe_lab.config.build import build
from moe_lab.config.compose import compose
from moe_lab.experiment.models import build_model
from moe_lab.experiment.results import Results, results_of
from moe_lab.layers.ranks import Ranks, among
from moe_lab.mixture.served import served
from moe_lab.mixture.sharded import sharded_names
from moe_lab.training.options import Trainer
from tests.parallel.equal import data, loop_of


@dataclass(frozen=True)
class Evaluated:
    """All arrays and metrics of a model that has not been trained. Five experts, of which the first rank has two."""

    words: tuple[str, ...]

    def __call__(self, ranks: Ranks) -> None:
        config = compose(["experts.count=5", "trainer.dispatch=sparse", *self.words])
        with among(ranks):
            learner = build_model(config, (1, 4, 4), 4, seed_init=0)
        before = sharded_names(learner)
        with served(learner, ranks) as leads:
            assert leads == ranks.leads
            if leads:
                near(self._results(learner, config), self._results(build_model(config, (1, 4, 4), 4, 0), config))
        # the model is as it was, and goes on to be trained
        assert sharded_names(learner) == before
        loop_of(learner, Trainer(epochs=1, batch_size=33), data(torch.float32)).epoch()

    def _results(self, learner, config) -> Results:
        of = data(torch.float32)
        loop = loop_of(learner, Trainer(epochs=1, batch_size=33), of)
        return results_of(learner, loop, 0, {**config, "seed": 0}, build(config["recipe"]), of)


def near(ours: Results, theirs: Results) -> None:
    """Products of two experts and of five may differ in the last bits."""
    assert ours.files.keys() == theirs.files.keys() and ours.metrics.keys() == theirs.metrics.keys()
    for file, arrays in theirs.files.items():
        assert ours.files[file].keys() == arrays.keys(), file
        for name, array in arrays.items():
            if array.dtype.kind == "f":
                np.testing.assert_allclose(ours.files[file][name], array, rtol=1e-3, atol=1e-5, err_msg=name)
            else:
                assert np.array_equal(ours.files[file][name], array), (file, name)


def an_error_lets_the_others_go(ranks: Ranks) -> None:
    config = compose(["experts.count=5", "trainer.dispatch=sparse", "gate=top_k", "k=2"])
    with among(ranks):
        learner = build_model(config, (1, 4, 4), 4, seed_init=0)
    with suppress(KeyError), served(learner, ranks) as leads:
        if leads:
            raise KeyError
    assert ranks.agreed(True) and not learner.mixture.dispatcher.every_expert


def the_leading_rank_waits_for_none(ranks: Ranks) -> None:
    """One that is killed between the last step and the evaluation is missed at the first of its rows, and not met."""
    if ranks.leads:
        with served(nn.Linear(1, 1), ranks) as leads:
            assert leads
        ranks.tell("more")
    dist.barrier()
    if not ranks.leads:
        assert [ranks.told(), ranks.told()] == [None, "more"]


CASES = {
    "mixture": Evaluated(("gate=top_k", "k=2", "gate/score=linear", "experts.hidden=6")),
    "linear": Evaluated(("gate=switch", "experts=linear")),
    "capacity": Evaluated(("gate=gshard_top2", "experts.hidden=6")),
    "network_of_mlp": Evaluated(("network=mlp", "network.width=8", "gate=top_k", "k=2")),
    "transformer": Evaluated(
        ("network=vision_transformer", "network.width=8", "network.heads=2", "network.patch=2", "gate=switch")
    ),
    an_error_lets_the_others_go.__name__: an_error_lets_the_others_go,
    the_leading_rank_waits_for_none.__name__: the_leading_rank_waits_for_none,
}
