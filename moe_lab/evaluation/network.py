"""The look at the test split of a network of mixture layers, once, at the end."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from moe_lab.data.dataset import Data, batches
from moe_lab.errors import Diverged
from moe_lab.evaluation.evaluate import pixels
from moe_lab.evaluation.language import documents_of, of_predictions, of_tokens
from moe_lab.layers.noise import Noise
from moe_lab.metrics.attribute_tables import categories
from moe_lab.metrics.computing import COMPUTING
from moe_lab.mixture.record import Record, together
from moe_lab.models.costs import network_multiply_add_counts, network_parameter_counts
from moe_lab.models.network import Network
from moe_lab.routing.trace import Trace

Arrays = dict[str, np.ndarray]

#: number of test samples that the report shows, of all classes together
SHOWN = 20


@dataclass(frozen=True)
class Examined:
    """trace: of the test split, whose documents are the samples; of a language model the documents that its windows are
    of. files: name (without .npz) -> arrays.

    test:     of each prediction ``document``, its number in the trace; ``sample_index``; ``label``; ``prediction``;
              ``loss``, -log q(y) in nats; the ``class_names``; and whether a prediction depends on its batch-mates,
              ``batch_dependent``. A sample has one prediction, a window one for each of its tokens; of a language model
              there is more (moe_lab/evaluation/language.py).
    costs:    parameters and multiply-adds in all, and those that act on one sample at most; how many experts of each
              layer compute something, if some do not.
    examples: ``document``, ``image`` as bytes and ``label`` of some samples of each class; not of a language model.
    """

    trace: Trace
    files: Mapping[str, Arrays]


@torch.no_grad()
def examine(network: Network, data: Data, noise: Mapping[str, Noise], training_batch: int) -> Examined:
    """Evaluate a network on the test split. ``training_batch`` is the batch size if a prediction depends on its
    batch-mates. Raises Diverged if predictions are not finite after the last update."""
    network.eval()
    records = {name: Record() for name in network.routed}
    losses, predictions, attributes = [], [], []
    for x_BD, y_B in batches(data.test, network.batch_dependent, training_batch, network.numbers):
        output = network(x_BD, noise)
        for name, layer in output.layers.items():
            records[name].add(layer.routing, (len(y_B), network.places))
        losses.append(-output.log_likelihoods(y_B).flatten())
        predictions.append(output.prediction_B.flatten())
        attributes.append({name: one.flatten() for name, one in network.attributes(x_BD).items()})
    loss_N = torch.cat(losses).cpu().numpy()
    if np.isnan(loss_N).any():
        raise Diverged("the last update made the network's predictions NaN: try a smaller trainer.lr")
    label_N = data.test.y_N.flatten().cpu().numpy()
    each = len(label_N) // len(data.test)
    test = {
        "document": np.arange(len(label_N), dtype=np.int32),
        "sample_index": data.test.index_N.cpu().numpy().repeat(each),
        "label": label_N,
        "prediction": torch.cat(predictions).cpu().numpy(),
        "loss": loss_N,
        "class_names": np.array(data.class_names),
        "batch_dependent": np.array(network.batch_dependent),
    }
    x_ND = data.test.x_ND
    counts = network_parameter_counts(network) | network_multiply_add_counts(network, x_ND.shape[-1], x_ND.device)
    costs = {name: np.array(count, np.int64) for name, count in counts.items()} | _computing(network)
    trace = together(records)
    if data.sequences is not None:
        test |= {"document": documents_of(data.test, data.sequences), **of_predictions(data.sequences)}
        return Examined(of_tokens(trace, data.test, data.sequences, loss_N), {"test": test, "costs": costs})
    files = {"test": test, "costs": costs, "examples": _examples(data, label_N)}
    return Examined(_labelled(trace, data, attributes), files)


def _computing(network: Network) -> Arrays:
    layers = list(network.routed.values())
    idle = any(layer.gate.sizes.idle for layer in layers)
    return {COMPUTING: np.array([layer.experts.computing for layer in layers], np.int64)} if idle else {}


def _labelled(trace: Trace, data: Data, attributes: list[dict[str, Tensor]]) -> Trace:
    """The trace with the attributes of samples added as labels of documents, and those of patches as labels of rows."""
    of_rows = {name: torch.cat([one[name] for one in attributes]).cpu().numpy() for name in attributes[0]}
    documents = {name: categories(column_N) for name, column_N in data.attributes.items()}
    documents["class"] = replace(categories(data.test.y_N.cpu().numpy()), names=_tested(data))
    return replace(
        trace,
        document_labels=documents,
        row_labels={name: categories(column_T) for name, column_T in of_rows.items()},
        source="the test split of a network of mixture layers",
    )


def _tested(data: Data) -> tuple[str, ...]:
    """The names of the test split's classes, in the order of their numbers."""
    return tuple(data.class_names[one] for one in np.unique(data.test.y_N.cpu().numpy()))


def _examples(data: Data, label_N: np.ndarray) -> Arrays:
    """The first samples of each class, the same number of each."""
    classes = np.unique(label_N)
    each = max(1, SHOWN // len(classes))
    chosen = np.sort(np.concatenate([np.flatnonzero(label_N == one)[:each] for one in classes])[:SHOWN])
    return {"document": chosen.astype(np.int32), "image": pixels(data, chosen), "label": label_N[chosen]}
