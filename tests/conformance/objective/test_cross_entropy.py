import torch

from moe_lab.parts.objectives.cross_entropy import CrossEntropy
from tests.conformance.cases import Case

CASE = Case()


def test_the_negative_log_likelihood_of_each_sample(sizes, step_of):
    log_probs = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.1, 0.2, 0.3, 0.4]]).log()
    loss = CrossEntropy(sizes())(step_of(log_probs_BC=log_probs, y_B=torch.tensor([1, 3])))
    torch.testing.assert_close(loss, -torch.tensor([0.25, 0.4]).log())


def test_of_a_mixture_of_probabilities_it_is_the_likelihood_objective():
    from moe_lab.experiment import job

    assert job.prepare(["objective=cross_entropy"]).key == job.prepare(["objective=mixture"]).key
