"""Decision regions of the gate and the experts, for samples that are points in the plane. Legend: G grid lines."""

import numpy as np
import torch

from moe_lab.data.dataset import Data, Split
from moe_lab.errors import expect, given
from moe_lab.evaluation.samples import outputs
from moe_lab.layers.noise import Noise
from moe_lab.mixture.mixture import Mixture
from moe_lab.routing.outputs import MixtureOutput

GRID = 101
#: margin on every side, as a share of the range of the test points
MARGIN = 0.05


def in_the_plane(data: Data) -> bool:
    """Whether samples are points in the plane with a class each."""
    return data.shape == (2,) and data.target is None


def regions(mixture: Mixture, data: Data, noise: Noise, training_batch: int) -> dict[str, np.ndarray]:
    """The arg-max ``expert`` (-1 if none), the mixture's ``prediction`` and each expert's own ``expert_prediction``
    over an even grid around the test points: [G, G] and [E, G, G], rows from the lowest ``y`` to the highest, columns
    along ``x``. ``points`` [N, 2] are the test points."""
    low_2, high_2 = data.test.x_ND.amin(0), data.test.x_ND.amax(0)
    margin_2 = MARGIN * (high_2 - low_2)
    axes = [torch.linspace(*ends, GRID) for ends in zip(low_2 - margin_2, high_2 + margin_2, strict=True)]
    y_GG, x_GG = torch.meshgrid(axes[1], axes[0], indexing="ij")
    grid_X2 = torch.stack([x_GG.flatten(), y_GG.flatten()], -1).to(data.test.x_ND)
    nothing_X = torch.zeros(len(grid_X2), dtype=torch.int64, device=grid_X2.device)
    experts, predictions, own = [], [], []
    for _, output in outputs(mixture, Split(grid_X2, nothing_X, nothing_X), noise, training_batch):
        experts.append(output.routing.expert_B)
        predictions.append(output.prediction_B)
        own.append(given(expect(MixtureOutput, output).experts, "the experts' output").log_probs_BEC.argmax(-1))
    return {
        "x": axes[0].numpy(),
        "y": axes[1].numpy(),
        "points": data.test.x_ND.cpu().numpy(),
        "expert": torch.cat(experts).reshape(GRID, GRID).cpu().numpy().astype(np.int16),
        "prediction": torch.cat(predictions).reshape(GRID, GRID).cpu().numpy().astype(np.int16),
        "expert_prediction": torch.cat(own).mT.reshape(-1, GRID, GRID).cpu().numpy().astype(np.int16),
    }
