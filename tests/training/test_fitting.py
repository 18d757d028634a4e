import dataclasses

import torch

from moe_lab.training.fitting import fit

WORDS = ["gate=classifier_selection", "gate.memory=50"]


def test_a_gate_is_fitted_to_the_validation_split_after_every_epoch(loop_of, data):
    loop = loop_of(*WORDS)
    gate, experts = loop.learner.mixture.gate, loop.learner.mixture.experts
    for _ in range(2):
        loop.epoch()
        right = experts(data.validation.x_ND).log_probs_BEC.argmax(-1) == data.validation.y_N.unsqueeze(-1)
        assert torch.equal(gate.memory_MD[:20], data.validation.x_ND) and gate.kept_1M.sum() == 20
        assert torch.equal(gate.right_ME[:20], right.float())


def test_without_validation_samples_the_training_split_serves(loop_of, data, empty):
    loop = loop_of(*WORDS, data_=dataclasses.replace(data, validation=empty))
    loop.epoch()
    gate = loop.learner.mixture.gate
    assert torch.equal(gate.memory_MD, data.train.x_ND[:50]) and gate.kept_1M.sum() == 50


def test_what_was_fitted_is_saved(loop_of, same):
    first, second = loop_of(*WORDS), loop_of(*WORDS)
    first.epoch()
    second.load_state_dict(first.state_dict())
    assert same(second.learner.state_dict(), first.learner.state_dict())
    assert second.learner.mixture.gate.kept_1M.sum() == 20


def test_other_gates_are_left_alone(learner_of, data):
    mixture = learner_of("gate=softmax").mixture.train()
    fit(mixture, data, 32)
    assert mixture.training
