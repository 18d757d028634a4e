"""The dispatchers alone, and a gate alone, with a dispatcher that runs no expert."""

from dataclasses import dataclass, field

import torch

from moe_lab.experiment.building import build_learner
from moe_lab.layers.noise import Noise, generator
from moe_lab.mixture.dispatchers import Dense, Dispatcher, Slots, Sparse, for_every_expert
from moe_lab.parts.experts.linear import Linear
from moe_lab.parts.roles import Sizes
from moe_lab.routing.decision import Routing
from moe_lab.routing.outputs import ExpertOutput
from tests.composing import composed

SIZES = Sizes(shape=(1, 1, 2), classes=2, experts=3, k=1)


@dataclass(frozen=True)
class Recording(Dispatcher):
    """Runs no expert: every class is as likely as any other. It keeps what the gate has decided."""

    seen: list[Routing] = field(default_factory=list)

    def dispatch(self, x_BD, routing):
        self.seen.append(routing)
        return x_BD.unsqueeze(-3), len(x_BD)

    def combine(self, experts, computed, way):
        return ExpertOutput(torch.full((way, 5, 4), 0.25).log(), None)


def mixture_of(*words):
    return build_learner(composed("experts.count=5", *words), (1, 4, 4), 4, 0).mixture


def test_a_gate_is_trained_with_another_dispatcher():
    mixture = mixture_of("gate=top_k", "k=2").train()
    mixture.dispatcher = Recording()
    output = mixture(torch.randn(7, 16), Noise([generator(0, "noise")]))
    [routing] = mixture.dispatcher.seen
    assert routing.selected_BE.sum(-1).tolist() == [2] * 7
    torch.testing.assert_close(output.log_probs_BC, torch.full((7, 4), 0.25).log())


def test_dense_gives_every_sample_to_every_expert():
    inputs, way = Dense().dispatch(torch.tensor([[1.0, 2.0]]), None)
    assert inputs.shape == (1, 1, 2) and way is None


def test_sparse_gives_rows_by_expert():
    """Samples select experts 2 and 0: by expert the rows are sample 1's, then sample 0's; there and back is one row."""
    experts, x = Linear(SIZES, count=3), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    selected = torch.tensor([[False, False, True], [True, False, False]])
    routing = Routing(selected.float(), selected.float(), selected)
    inputs, way = Sparse().dispatch(x, routing)
    assert inputs.rows_PI.tolist() == [[3, 4], [1, 2]]
    said = Sparse().combine(experts, experts.compute(inputs), way)
    assert said.log_probs_BEC.shape == (2, 1, 2)
    whole = experts(x).log_probs_BEC
    torch.testing.assert_close(said.log_probs_BEC[:, 0], torch.stack([whole[0, 2], whole[1, 0]]))
    assert Sparse().weights(routing, way, "logits").weights_BE.tolist() == [[1], [1]]


def test_slots_mix_what_an_expert_predicts_from_them():
    """One sample, three experts of two slots: P_e = .25 P(slot 0) + .75 P(slot 1)."""
    experts = Linear(SIZES, count=3)
    slots = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    shares = torch.tensor([0.25, 0.75]).log().expand(1, 3, 2)
    routing = Routing(None, None, None, extras={"slots_BESI": slots, "log_shares_BES": shares})
    inputs, way = Slots().dispatch(torch.zeros(1, 2), routing)
    said = Slots().combine(experts, experts.compute(inputs), way).log_probs_BEC
    for e in range(3):
        first, second = (experts(slots[:, e, s]).log_probs_BEC[0, e].exp() for s in range(2))
        torch.testing.assert_close(said[0, e].exp(), 0.25 * first + 0.75 * second)


def test_each_gate_has_the_dispatcher_that_runs_all_experts():
    assert for_every_expert(mixture_of("gate=soft_moe").gate) == Slots()
    assert for_every_expert(mixture_of().gate) == Dense()
