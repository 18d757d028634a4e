"""The computation of the reference's training loop, written as in a textbook or a first implementation.

It represents the code of Krishnamurthy, Watkins and Gaertner 2023, arXiv:2302.14703: experts in a Python loop,
probabilities instead of logarithms, the similarity of samples by a double loop over experts with exact distances, a
second forward pass for the training accuracy, and a count sample by sample. Other causes of the original's slowness are
left out: data stay in memory as tensors, and no history with its graphs is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

#: the original's constant that is added to a probability before its logarithm
TINY = 1e-15


def network(filters: int, hidden: Sequence[int], outputs: int) -> nn.Sequential:
    """An image classifier of the paper for 28 x 28 pixels: probabilities of its outputs."""
    return nn.Sequential(
        nn.Conv2d(1, filters, 3), nn.ReLU(), nn.MaxPool2d(2), *perceptron(filters * 13 * 13, hidden, outputs)
    )


def perceptron(inputs: int, hidden: Sequence[int], outputs: int) -> nn.Sequential:
    """Fully connected layers on flattened images: probabilities of the outputs; no hidden layer: a linear gate."""
    widths = (inputs, *hidden)
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in zip(widths[:-1], widths[1:], strict=True):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs), nn.Softmax(dim=1))


class TextbookMixture(nn.Module):
    """Probabilities of the classes, sum_e g_e y_e; the last batch's g and y are stored."""

    def __init__(self, experts: Sequence[nn.Module], gate: nn.Module) -> None:
        super().__init__()
        self.experts = nn.ModuleList(experts)
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        self.y = torch.stack([expert(x) for expert in self.experts], dim=1)
        self.g = self.gate(x)
        return (self.g.unsqueeze(2) * self.y).sum(dim=1)


def mnist_mixture(experts: int) -> TextbookMixture:
    """The paper's networks for MNIST: 1,382 parameters per expert, 26,063 in the gate (five experts)."""
    return TextbookMixture([network(1, (5, 32), 10) for _ in range(experts)], network(1, (128, 32), experts))


def similarity(g: Tensor, x: Tensor, beta_s: float, beta_d: float) -> Tensor:
    """L_s as the original computes it: a B x B array for each pair of experts."""
    experts = g.shape[1]
    distance = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    same, different = torch.zeros_like(distance), torch.zeros_like(distance)
    for i in range(experts):
        for j in range(experts):
            shared = g[:, i].view(-1, 1) * g[:, j].view(1, -1) * distance
            if i == j:
                same = same + shared / experts
            else:
                different = different + shared / (experts**2 - experts)
    return beta_s * same.sum() - beta_d * different.sum() / len(x) ** 2


@dataclass
class Counts:
    """The loop's sums over an epoch: loss, accuracy and entropy by batch, samples by prediction and expert."""

    table: Tensor
    batches: int = 0
    loss: float = 0.0
    accuracy: float = 0.0
    entropy: float = 0.0


class TextbookTraining:
    """One step of the loop at a time."""

    def __init__(
        self, mixture: TextbookMixture, classes: int, beta_s: float = 0.0, beta_d: float = 0.0, lr: float = 1e-3
    ) -> None:
        self.mixture = mixture
        self.betas = beta_s, beta_d
        self.optimizer = torch.optim.Adam(mixture.parameters(), lr=lr)
        self.counts = Counts(torch.zeros(classes, len(mixture.experts)))

    def loss(self, x: Tensor, t: Tensor) -> Tensor:
        output = self.mixture(x)
        loss = -torch.log(output.gather(1, t.unsqueeze(1)) + TINY).mean()
        if any(self.betas):
            loss = loss + similarity(self.mixture.g, x.flatten(1), *self.betas)
        return loss

    def step(self, x: Tensor, t: Tensor) -> None:
        self.mixture.train()
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(x, t)
        loss.backward()
        self.optimizer.step()
        self.count(loss.item(), x, t)

    @torch.no_grad()
    def count(self, loss: float, x: Tensor, t: Tensor) -> None:
        """The statistics of the batch, after its update."""
        self.mixture.eval()
        predicted = self.mixture(x).argmax(dim=1)
        g, y = self.mixture.g, self.mixture.y
        counts, chosen = self.counts, g.argmax(dim=1)
        counts.batches += 1
        counts.loss += loss
        counts.accuracy += (predicted == t).float().mean().item()
        counts.entropy += -(g * torch.log2(g + TINY)).sum(dim=1).mean().item()
        for sample in range(len(t)):
            counts.table[int(y[sample, chosen[sample]].argmax()), int(chosen[sample])] += 1
