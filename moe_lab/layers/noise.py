"""Random numbers from named generators, which are seeded by (seed, name), so that draws of one part do not affect those
of another."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b

import torch
from torch import Tensor


def derived_seed(seed: int, name: str) -> int:
    """A 63-bit seed for ``name``: the first 8 bytes of BLAKE2b("seed/name"), without the sign bit."""
    digest = blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def generator(seed: int, name: str, device: str | torch.device = "cpu") -> torch.Generator:
    """A separate generator for ``name``."""
    return torch.Generator(device).manual_seed(derived_seed(seed, name))


@contextmanager
def seeded(seed: int, name: str) -> Iterator[None]:
    """Within the block, torch's default CPU generator is the one for ``name``; parameters are initialized in such a
    block.

    They are always drawn on the CPU, so a run starts from the same values on every device.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derived_seed(seed, name))
        yield


class Noise:
    """The source of a part's random numbers: for one run, or for R runs with a generator each.

    With R generators a tensor like [R, ...] is drawn run by run, so each run gets the numbers of its solo run.
    """

    def __init__(self, generators: Sequence[torch.Generator], *, stacked: bool = False) -> None:
        self.generators = list(generators)
        self._stacked = stacked

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers of the shape, type and device of ``like``."""
        return self._draw(torch.randn, like)

    def uniform(self, like: Tensor) -> Tensor:
        """Uniform numbers in [0, 1) of the shape, type and device of ``like``."""
        return self._draw(torch.rand, like)

    def gumbel(self, like: Tensor) -> Tensor:
        """Standard Gumbel numbers, -log(-log u), finite: the arg-max of log p plus these numbers is a draw from p."""
        uniform = self.uniform(like)
        return -(-uniform.clamp(min=torch.finfo(like.dtype).tiny).log()).log()

    def reseed(self, seeds: Sequence[int]) -> None:
        """Reset every generator to its seed in ``seeds``."""
        for generator_, seed in zip(self.generators, seeds, strict=True):
            generator_.manual_seed(seed)

    def state(self) -> list[Tensor]:
        """The generators' states, for checkpoints."""
        return [generator.get_state() for generator in self.generators]

    def restore(self, states: Sequence[Tensor]) -> None:
        for generator_, state in zip(self.generators, states, strict=True):
            generator_.set_state(state)

    def _draw(self, draw: Callable[..., Tensor], like: Tensor) -> Tensor:
        options = {"dtype": like.dtype, "device": like.device}
        if not self._stacked:
            return draw(like.shape, generator=self.generators[0], **options)
        return torch.stack([draw(like.shape[1:], generator=one, **options) for one in self.generators])


class DefaultNoise(Noise):
    """Random numbers from torch's own generator of the device, as ``torch.nn.Dropout`` draws them. It is for parts
    inside a user's own network, whose seeds, checkpoints and recomputed activations rely on that generator."""

    def __init__(self) -> None:
        super().__init__([])

    def _draw(self, draw: Callable[..., Tensor], like: Tensor) -> Tensor:
        return draw(like.shape, dtype=like.dtype, device=like.device)


class NoiseByLayer(dict[str, Noise]):
    """The noise of each mixture layer of a network, by the layer's name."""

    def state(self) -> list[Tensor]:
        """The generators' states, for checkpoints: a run's layers stacked."""
        return [torch.stack(run) for run in zip(*(noise.state() for noise in self.values()), strict=True)]

    def restore(self, states: Sequence[Tensor]) -> None:
        for number, noise in enumerate(self.values()):
            # torch reads a state from the beginning of its storage
            noise.restore([run[number].clone() for run in states])


def noise_by_layer(
    seeds: Sequence[int],
    layers: Sequence[str],
    device: str | torch.device = "cpu",
    *,
    name: str = "noise",
    stacked: bool = False,
) -> NoiseByLayer:
    """A named noise for each layer, so that draws of one layer do not affect another; ``seeds`` are those of the runs
    of a stack, or of one run."""
    return NoiseByLayer(
        (layer, Noise([generator(seed, f"{name}/{layer}", device) for seed in seeds], stacked=stacked))
        for layer in layers
    )
