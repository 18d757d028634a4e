"""Clusters that only a mixture of nonlinear experts can classify, by theorem. Legend: N samples, P patches of length L,
K clusters."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch

from moe_lab.data.dataset import Data, Split
from moe_lab.data.toy import Drawn

PATCHES, LENGTH, CLUSTERS = 4, 50, 4
#: what the authors' code multiplies the inputs by
SCALE = 10.0
#: setting -> sd of a noise patch's length, and the largest strength of the feature of another cluster
SETTINGS = {"s1": (1.0, 3.0), "s2": (2.0, 3.0), "s3": (1.0, 2.0), "s4": (2.0, 2.0)}


@dataclass(kw_only=True)
class Chen2022(Drawn):
    """Two classes in four clusters, told apart by a feature of the cluster, among features of others and noise.

    A sample has four patches of length 50, in random order: y a v_k, b c_k, noise, and s g v_k'. Here k is its cluster,
    k' another one, y and s are signs, and v_k and c_k eight orthonormal vectors, drawn once. y is the class. a is
    uniform in [.5, 2), b in [1, 2), g in [.5, 3), the noise normal with sd 1/sqrt(50) (s1). The noise is twice as large
    in s2 and s4, and g uniform in [.5, 2) in s3 and s4. All is multiplied by 10, as in the authors' code. Half of the
    samples are the test split. The attribute ``cluster`` is k.

    Source: Chen, Deng, Wu, Gu and Li 2022, Towards understanding the mixture-of-experts layer in deep learning,
    arXiv:2208.02813, section 3.1 and its experiments, as their code has them.

    setting:   "s1", "s2", "s3" or "s4".
    samples:   of the training and the test split together.
    """

    name: ClassVar[str] = "chen2022"
    truth: ClassVar[str] = "cluster"

    setting: Literal["s1", "s2", "s3", "s4"] = "s1"
    samples: int = 32_000

    @property
    def groups(self) -> int:
        return CLUSTERS

    def describe(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        return (1, PATCHES, LENGTH), ("-1", "+1")

    def load(self) -> Data:
        rng = self.generator()
        vector_XL = orthonormal(2 * CLUSTERS, LENGTH, rng)
        x_NPL, class_N, cluster_N = draw(self.samples, self.setting, vector_XL, rng)
        rest, test = np.split(np.arange(self.samples), [self.samples // 2])
        train, validation = (rest[rows] for rows in self.split_rows(class_N[rest]))
        shape, names = self.describe()
        return Data(
            train=_split(x_NPL, class_N, train),
            validation=_split(x_NPL, class_N, validation),
            test=_split(x_NPL, class_N, test),
            shape=shape,
            class_names=names,
            attributes={"class": class_N[test], self.truth: cluster_N[test]},
            truth=self.truth,
        )


def orthonormal(count: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of a random orthogonal matrix, uniform: [count, length]."""
    basis_LX, triangle_XX = np.linalg.qr(rng.standard_normal((length, count)))
    return (basis_LX * np.sign(np.diag(triangle_XX))).T


def draw(
    samples: int, setting: str, vector_XL: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x_NPL, classes 0 and 1, and clusters; the first half of the vectors are features, the second half centers."""
    noise, most = SETTINGS[setting]
    feature_KL, center_KL = np.split(vector_XL, 2)
    class_N, other_sign_N = rng.integers(0, 2, (2, samples))
    cluster_N = rng.integers(0, CLUSTERS, samples)
    other_N = (cluster_N + rng.integers(1, CLUSTERS, samples)) % CLUSTERS
    strength_N3 = rng.uniform([0.5, 1.0, 0.5], [2.0, 2.0, most], (samples, 3))
    patch_NPL = np.stack(
        [
            feature_KL[cluster_N] * ((2 * class_N - 1) * strength_N3[:, 0])[:, None],
            center_KL[cluster_N] * strength_N3[:, 1:2],
            rng.normal(0.0, noise / np.sqrt(LENGTH), (samples, LENGTH)),
            feature_KL[other_N] * ((2 * other_sign_N - 1) * strength_N3[:, 2])[:, None],
        ],
        axis=1,
    )
    order_NP = rng.permuted(np.tile(np.arange(PATCHES), (samples, 1)), axis=1)
    return SCALE * np.take_along_axis(patch_NPL, order_NP[:, :, None], axis=1), class_N, cluster_N


def _split(x_NPL: np.ndarray, class_N: np.ndarray, rows: np.ndarray) -> Split:
    x_ND = torch.from_numpy(x_NPL[rows].reshape(len(rows), PATCHES * LENGTH).astype(np.float32))
    return Split(x_ND, torch.from_numpy(class_N[rows]), torch.from_numpy(rows))
