"""A trained model, a mixture or a network, that takes and returns NumPy arrays in the units of its data set."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from moe_lab.config.build import build
from moe_lab.data.dataset import Split, batches
from moe_lab.data.units import Units
from moe_lab.errors import DataError, RunError
from moe_lab.evaluation.evaluate import evaluation_noise
from moe_lab.evaluation.samples import outputs
from moe_lab.experiment.inputs import seeds_of
from moe_lab.layers.noise import NoiseByLayer, noise_by_layer
from moe_lab.mixture.mixture import Mixture, Output
from moe_lab.models.network import Network
from moe_lab.parts.roles import Config
from moe_lab.routing.outputs import MixtureOutput
from moe_lab.routing.values import NetworkOutput


class InOwnUnits:
    """The facts of a run that a trained model needs to take arrays in the units of its data set."""

    class_names: tuple[str, ...]
    _config: Config
    _shape: tuple[int, ...]
    _stored: Units | None

    def _keep(self, config: Config, shape: tuple[int, ...], class_names: tuple[str, ...], units: Units | None) -> None:
        self._config, self._shape, self.class_names, self._stored = config, shape, class_names, units

    @cached_property
    def _units(self) -> Units:
        return build(self._config["dataset"]).units() if self._stored is None else self._stored

    def _split(self, x: Any, device: torch.device) -> Split:
        """The samples, normalised. Raises DataError for x of another shape or with values that are not finite."""
        x_ND = self._units.inputs(x, self._shape).to(device)
        rows_N = torch.arange(len(x_ND), device=device)
        return Split(x_ND, rows_N, rows_N)


class TrainedMixture(InOwnUnits, Mixture):
    """The mixture of a run, with ``predict``, ``predict_proba`` and ``route`` of arrays in the data set's own units.

    x is [N, *shape] or [N, D], as the data set has it before anything is normalised: grey values 0 to 16 of digits, 0
    to 255 of other images, the numbers of x_train of your own arrays. Images that these hold as bytes are bytes here
    too. A data set of your own class that does not say its units takes x as its ``load`` gives it.

    The data need not be there: mean and sd of the training split stand in the checkpoint. With gates or networks whose
    answers depend on the other samples of a batch, samples are taken in batches as large as in training, in their
    order. ``class_names`` are the names of the classes, () if the mixture predicts numbers.

    All three raise DataError for x of another shape and for values that are no finite numbers. Checkpoints of earlier
    versions keep no units: the data are read then, and DataError is raised if they cannot be.
    """

    @classmethod
    def of(
        cls,
        mixture: Mixture,
        config: Config,
        shape: tuple[int, ...],
        class_names: tuple[str, ...],
        units: Units | None,
    ) -> "TrainedMixture":
        """The same mixture, with shared parameters, as an object of this class."""
        made = cls.__new__(cls)
        made.__dict__.update(vars(mixture))
        made._keep(config, shape, class_names, units)
        return made

    def predict(self, x: Any) -> np.ndarray:
        """The likeliest class of each sample, [N] int64, as the data set numbers them; or the expected number, [N]
        float64, in its own unit.

        >>> import moe_lab
        >>> from sklearn.datasets import load_digits
        >>> model = moe_lab.train("trainer.epochs=5", report=False, quiet=True).model()
        >>> images = load_digits().images
        >>> images.shape, images.max()
        ((1797, 8, 8), np.float64(16.0))
        >>> bool((model.predict(images) == load_digits().target).mean() > 0.8)
        True
        >>> model.predict_proba(images).shape, model.route(images)["weights"].shape
        ((1797, 10), (1797, 5))
        """
        predicted = torch.cat([output.prediction_B for output in self._outputs(x)])
        return predicted.cpu().numpy() if self.gate.sizes.classes else self._units.targets(predicted)

    def predict_proba(self, x: Any) -> np.ndarray:
        """The probability of each class, [N, C] float32. Raises RunError if the mixture predicts numbers."""
        rows = []
        for output in self._outputs(x):
            if not isinstance(output, MixtureOutput):
                raise RunError("this mixture predicts numbers, which have no classes: model.predict(x) gives the mean")
            rows.append(output.log_probs_BC.exp())
        return torch.cat(rows).cpu().numpy()

    def route(self, x: Any) -> dict[str, np.ndarray]:
        """The gate's decision, as in ``LoadedRun.routing`` for the test split: ``probs`` and ``weights`` [N, E]
        float32, ``selected`` [N, E] bool."""
        routings = [output.routing for output in self._outputs(x)]
        names = ("probs", "weights", "selected")
        return {name: torch.cat([getattr(one, f"{name}_BE") for one in routings]).cpu().numpy() for name in names}

    @torch.no_grad()
    def _outputs(self, x: Any) -> Iterator[Output]:
        device, training = next(self.parameters()).device, self.training
        split = self._split(x, device)
        noise = evaluation_noise(seeds_of(self._config).noise, device)
        self.eval()
        try:
            for _, output in outputs(self, split, noise, self._config["trainer"]["batch_size"]):
                yield output
        finally:
            self.train(training)


class TrainedNetwork(InOwnUnits, nn.Module):
    """The network of a run, with ``predict``, ``predict_proba`` and ``route`` as TrainedMixture has them: of arrays in
    the data set's own units, whose data need not be there. ``network`` is the network itself, a torch module."""

    def __init__(
        self,
        network: Network,
        config: Config,
        shape: tuple[int, ...],
        class_names: tuple[str, ...],
        units: Units | None,
    ) -> None:
        super().__init__()
        self.network = network
        self._keep(config, shape, class_names, units)

    def forward(self, x_BD: Tensor, noise: NoiseByLayer) -> NetworkOutput:
        """Of normalised tensors."""
        return self.network(x_BD, noise)

    def predict(self, x: Any) -> np.ndarray:
        """The likeliest class of each sample, [N] int64, as the data set numbers them; of a language model the token
        that follows each, [N, S]. Raises DataError as all three do."""
        return torch.cat([output.prediction_B for output in self._outputs(x)]).cpu().numpy()

    def predict_proba(self, x: Any) -> np.ndarray:
        """The probability of each class, [N, C] float32; of a language model of each token, [N, S, C]."""
        return torch.cat([output.log_probs_BC.exp() for output in self._outputs(x)]).cpu().numpy()

    def route(self, x: Any) -> dict[str, dict[str, np.ndarray]]:
        """The decision of each mixture layer's gate, by the layer's name: ``probs`` and ``weights`` [N, S, E] float32,
        ``selected`` [N, S, E] bool. S are the rows of a sample: its patches, or one."""
        found: dict[str, dict[str, list[Tensor]]] = {
            layer: {name: [] for name in ("probs", "weights", "selected")} for layer in self.network.routed
        }
        for output in self._outputs(x):
            for layer, of_each in found.items():
                for name, parts in of_each.items():
                    part_TE = getattr(output.layers[layer].routing, f"{name}_BE")
                    parts.append(part_TE.unflatten(0, (-1, self.network.places)))
        return {
            layer: {name: torch.cat(parts).cpu().numpy() for name, parts in of_each.items()}
            for layer, of_each in found.items()
        }

    @torch.no_grad()
    def _outputs(self, x: Any) -> Iterator[NetworkOutput]:
        device, training, network = next(self.parameters()).device, self.training, self.network
        split = self._split(x, device)
        noise = noise_by_layer([seeds_of(self._config).noise], list(network.routed), device, name="noise/evaluation")
        self.eval()
        try:
            batch = self._config["trainer"]["batch_size"]
            for x_BD, _ in batches(split, network.batch_dependent, batch, network.numbers):
                yield network(self._tokens(x_BD) if network.reads_tokens else x_BD, noise)
        finally:
            self.train(training)

    def _tokens(self, x_BD: Tensor) -> Tensor:
        """The numbers of tokens. Raises DataError for values that are not tokens."""
        if not ((x_BD >= 0) & (x_BD < len(self.class_names)) & (x_BD == x_BD.round())).all():
            most = len(self.class_names) - 1
            raise DataError(f"found numbers that are no tokens: expected whole numbers from 0 to {most}")
        return x_BD.long()
