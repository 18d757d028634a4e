"""Frozen networks, whose outputs are fixed features of the inputs."""

from pathlib import Path

from torch import Tensor, nn

from moe_lab.config.build import build
from moe_lab.layers.ranks import among
from moe_lab.parts import ConfigError, Sizes, freeze
from moe_lab.parts.networks.conv import Conv
from moe_lab.parts.networks.mlp import Mlp
from moe_lab.store.learned import read_run

#: width of a random network's features
WIDTH = 256


class RandomFeatures(nn.Module):
    """x_BD -> relu(h(x)) [..., B, 256], with h an untrained network.

    For images h is one convolution (16 filters) with max pooling and a fully connected layer, else one fully connected
    layer.

    Source: Rahimi and Recht 2008, Weighted sums of random kitchen sinks; Saxe et al. 2011, On random weights and
    unsupervised feature learning.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        image = len(sizes.shape) == 3 and min(sizes.shape[1:]) >= 2
        self.body = freeze(
            Conv(sizes, filters=(16,), padding=1, hidden=(WIDTH,)) if image else Mlp(sizes, hidden=(WIDTH,))
        )

    def forward(self, x_BD: Tensor) -> Tensor:
        return self.body(x_BD).relu()


class RunFeatures(nn.Module):
    """x_BD -> relu of the last hidden layers of all experts of a finished run, [..., B, E H], E H those of that run.

    A run with ``baseline=single`` is one network. Its files are only read; no code in its folder is run. Raises
    ConfigError if there is no such run, or its experts do not fit this data.
    """

    def __init__(self, sizes: Sizes, run: str) -> None:
        super().__init__()
        config, state = read_run(Path(run).expanduser())
        single = (config.get("baseline") or {}).get("_target_", "").endswith(".Single")
        node = {**config["experts"], "count": 1} if single else config["experts"]
        try:
            with among(None):
                self.experts = freeze(build(node, sizes))
            self.experts.load_state_dict(
                {name.removeprefix(_PREFIX): value for name, value in state.items() if name.startswith(_PREFIX)}
            )
        except RuntimeError:
            raise ConfigError(
                f"{run}: its experts do not fit this data set or its config.yaml: take a run on the same data, without "
                "a baseline or with baseline=single"
            ) from None
        if self.experts.hidden_features is None:
            raise ConfigError(f"{run}: its experts have no hidden layer: take a run with experts=mlp or conv")
        self.experts.eval()

    def train(self, mode: bool = True) -> "RunFeatures":
        """Keep evaluation mode."""
        return super().train(False)

    def forward(self, x_BD: Tensor) -> Tensor:
        return self.experts(x_BD).hidden_BEH.relu().flatten(-2)


_PREFIX = "mixture.experts."
