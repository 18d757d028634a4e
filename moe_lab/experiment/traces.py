"""Traces from Python: made of arrays or read from a folder, measured, and written into a run folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moe_lab.experiment.trace_inputs import PerLayer, layers_from, trace_from
from moe_lab.routing import trace as routing
from moe_lab.store.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from moe_lab.metrics.traces import Measured


class Trace(routing.Trace):
    """Routing of any model: which experts each row (token, sample) selected in each mixture layer.

        trace = moe_lab.Trace(selected, experts=64, documents=document_of_token, labels={"domain": domain_of_token})
        trace.measure().frame

    Args:
        selected: the selected experts, -1 in an empty slot: an array [T, L, K], or an array [T, K] of each layer in a
            list or by the layer's name.
        experts: E, one number, or one of each layer in the same way. What was selected does not tell it.
        documents: the document of each row, texts or integers. Rows of one document are not independent, so every test
            and interval goes by documents. ``range(T)`` if each row stands alone.
        labels: name -> a text or integer of each row; None, NaN and -1 are missing. What is the same for all rows of
            each document becomes a label of documents.
        layers: the layers' names, ``block0``, ``block1`` ... unless given.
        ranked: whether slots stand in the order of choice.
        weights: of the selected experts, in the form of ``selected``.
        probabilities: over all experts, [T, L, E] or [T, E] of each layer, zeros for a row that has none; at most
            20,000 rows are kept, and of all rows the mean and the entropies.
        logits: the router's output in the same form, if what makes probabilities of it is not known.
        token_ids, positions, losses: one a row; losses in nats, NaN if there is none.
        source, checksum: where the arrays come from. missing: of what the trace lacks, why.

    Raises RunError if an array cannot be, or two do not belong together.
    """

    def __init__(
        self,
        selected: PerLayer,
        experts: int | Sequence[int] | Mapping[str, int],
        documents: Any,
        *,
        labels: Mapping[str, Any] | None = None,
        layers: Sequence[str] | None = None,
        ranked: bool = True,
        weights: PerLayer | None = None,
        probabilities: PerLayer | None = None,
        logits: PerLayer | None = None,
        token_ids: Any = None,
        positions: Any = None,
        losses: Any = None,
        source: str = "",
        checksum: str = "",
        missing: Mapping[str, str] | None = None,
    ) -> None:
        made = layers_from(selected, experts, layers, ranked, weights, probabilities, logits)
        facts = {"source": source, "checksum": checksum, "missing": missing or {}}
        trace = trace_from(made, documents, labels or {}, token_ids, positions, losses, **facts)
        self.__dict__.update(vars(trace))

    @classmethod
    def of(cls, trace: routing.Trace) -> "Trace":
        """The same trace as an object of this class."""
        made = cls.__new__(cls)
        made.__dict__.update(vars(trace))
        return made

    @classmethod
    def read(cls, path: str | Path) -> "Trace":
        """The trace of a run folder; that of a mixture is its test split. Raises RunError."""
        return cls.of(trace_of_run(Run(path)))

    def measure(self, permutations: int = 200, seed: int = 0) -> "Measures":
        """Every measure by layer and label, against ``permutations`` of the documents."""
        from moe_lab.metrics.traces import measure

        return Measures(self, tuple(measure(self, permutations=permutations, seed=seed)))

    def write(self, path: str | Path) -> Path:
        """Write the trace into a new run folder. Raises RunError if there is one at ``path`` or its name is none."""
        return _write(self, Path(path), None)


@dataclass(frozen=True, repr=False)
class Measures:
    """The measures of a trace."""

    trace: Trace
    values: "tuple[Measured, ...]"

    def __repr__(self) -> str:
        return f"<{len(self.values)} measures of {self.trace}; .frame has them as a table>"

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """One row per value: layer, label and measure; the value and its unit; the mean of its null, and the difference
        from it; the estimate and its 95 % interval; p, and p adjusted over layers and labels; the number of documents,
        the share of rows left out, and in ``notes`` why a number is missing and caveats.
        """
        import pandas as pd

        from moe_lab.metrics.traces.written import COLUMNS, row_of

        return pd.DataFrame(list(map(row_of, self.values)), columns=list(COLUMNS))

    def write(self, path: str | Path) -> Path:
        """Write the trace, and the frame as measures.csv, into a new run folder. Raises as Trace.write does."""
        from moe_lab.metrics.traces.written import row_of

        return _write(self.trace, Path(path), list(map(row_of, self.values)))


def trace_of_run(run: Run) -> routing.Trace:
    """The trace of a run folder, whatever its kind. Raises RunError."""
    from moe_lab.metrics.arrays import RunArrays
    from moe_lab.metrics.trace_arrays import trace_of
    from moe_lab.routing.trace_files import read_trace

    return trace_of(RunArrays.from_run(run)) if run.kind == "mixture" else read_trace(run)


def _write(trace: routing.Trace, path: Path, rows: list[dict[str, Any]] | None) -> Path:
    from moe_lab.metrics.traces.written import FILE
    from moe_lab.routing.trace_files import to_files
    from moe_lab.store.atomic import write_csv
    from moe_lab.store.folders import claim
    from moe_lab.store.trace import write_trace_run

    # a trace that cannot be written claims no folder
    files = to_files(trace)
    folder = claim(path.parent, path.name)
    if rows is not None:
        write_csv(folder / FILE, rows)
    write_trace_run(folder, files)
    return folder
