"""The textbook computes what moe-lab computes: the same loss, with and without the regularizer, and the same step."""

import pytest
import torch

from benchmarks.problems import PAPER_MNIST, REFERENCE_SIMILARITY, images, training
from benchmarks.textbook import TextbookTraining, mnist_mixture

EXPERTS = 3


def copied(loop):
    """A textbook mixture with the parameters of moe-lab's; a linear layer's weights are the other way round."""
    mixture, textbook = loop.learner.mixture, mnist_mixture(EXPERTS)
    for e, network in enumerate(textbook.experts):
        copy(network, [one[e] for one in mixture.experts.parameters()])
    copy(textbook.gate, list(mixture.gate.parameters()))
    return textbook


def copy(network, tensors):
    """``tensors`` are in the order of the layers: weights and biases of the convolution, then of each linear layer."""
    for parameter, tensor in zip(network.parameters(), tensors, strict=True):
        turned = tensor.T if tensor.ndim == 2 and tensor.shape[0] > 1 and parameter.ndim == 2 else tensor
        parameter.data.copy_(turned.reshape(parameter.shape))


@pytest.mark.parametrize("words", [(), REFERENCE_SIMILARITY], ids=["plain", "similarity"])
def test_the_same_losses_over_steps_of_adam(words):
    data = images(64)
    loop = training((*PAPER_MNIST, f"experts.count={EXPERTS}", *words), data)
    betas = (1e-6, 1e-3) if words else (0.0, 0.0)
    textbook = TextbookTraining(copied(loop), data.classes, *betas)
    x, t = data.train.x_ND.unflatten(-1, data.shape), data.train.y_N
    for _ in range(4):
        expected = textbook.loss(x, t).item()
        textbook.step(x, t)
        loop.epoch()
        row = loop.state.records[0].history[-1]
        weighted = row.get("regularizer_sample_similarity_weighted", 0.0)
        assert row["train_loss_nats"] + weighted == pytest.approx(expected, rel=2e-4)


def test_the_paper_s_sizes_and_what_the_loop_counts():
    textbook = TextbookTraining(mnist_mixture(5), 10)
    assert sum(p.numel() for p in textbook.mixture.experts[0].parameters()) == 1382
    assert sum(p.numel() for p in textbook.mixture.gate.parameters()) == 26063
    textbook.step(torch.randn(6, 1, 28, 28), torch.arange(6))
    counts = textbook.counts
    assert counts.batches == 1 and counts.table.sum() == 6 and counts.table.shape == (10, 5)
    assert 0 < counts.entropy <= 2.33 and counts.loss == pytest.approx(2.3, abs=0.4)
