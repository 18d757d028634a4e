import torch


def test_the_mixture_stays(learner_of):
    plain, named = learner_of(), learner_of("baseline=none")
    for a, b in zip(plain.parameters(), named.parameters(), strict=True):
        assert torch.equal(a, b)
    assert plain.mixture.experts.count == 5
