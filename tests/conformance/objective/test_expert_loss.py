import torch

from moe_lab.layers.noise import Noise
from moe_lab.parts.objectives.expert_loss import ExpertLoss
from moe_lab.parts.roles import Step
from moe_lab.routing.decision import Routing
from moe_lab.routing.outputs import ExpertOutput, MixtureOutput
from tests.conformance.cases import Case

CASE = Case(needs=["gate=expert_loss"], dense=True)


def test_by_hand(sizes):
    probs = torch.tensor([[[0.5, 0.5], [0.25, 0.75]]])
    logits = torch.tensor([[0.0, -2.0]], requires_grad=True)
    log_probs = probs.log().requires_grad_()
    output = MixtureOutput(Routing(None, None, None, None, logits), ExpertOutput(log_probs, None), probs[:, 0].log())
    step = Step(None, torch.tensor([0]), output, output.routing, torch.nn.Identity(), torch.nn.Identity(), Noise([]))
    loss = ExpertLoss(sizes())(step)
    # -log q = log 2; |0 - log .5| + |-2 - log .25| = log 2 + (2 - 2 log 2)
    torch.testing.assert_close(loss, torch.tensor([2.0]))
    loss.sum().backward()
    # the targets take no gradient
    assert logits.grad.tolist() == [[1, -1]] and log_probs.grad is None


def test_only_the_selected_expert_learns(learner_of, draw, noise):
    learner = learner_of("gate=expert_loss")
    x, y = draw(7, 12), torch.arange(7) % 4
    mixture = learner.mixture
    output = mixture(x, noise)
    loss = learner.objective(mixture.step(x, y, output, noise)).sum()
    [gradient] = torch.autograd.grad(loss, output.experts.log_probs_BEC)
    assert torch.equal(gradient.abs().sum(-1) > 0, output.routing.selected_BE)


def test_the_scores_come_to_be_the_log_likelihoods(learner_of, draw, noise):
    learner = learner_of("gate=expert_loss", "gate/score=linear")
    x, y = draw(1, 12).expand(16, 12), torch.zeros(16, dtype=torch.long)
    mixture = learner.mixture
    optimizer = torch.optim.Adam(mixture.gate.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        output = mixture(x, noise)
        learner.objective(mixture.step(x, y, output, noise)).mean().backward()
        optimizer.step()
    torch.testing.assert_close(output.routing.logits_BE, output.experts.log_likelihood_BE(y), atol=0.15, rtol=0)
