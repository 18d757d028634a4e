"""The history of a network, layer by layer, with the column names of a run of one mixture."""

from moe_lab.store.run import Run

Row = dict[str, float | None]


def of_layer(rows: list[Row], layer: str) -> list[Row]:
    """The rows, with the columns of one layer under their names in a run of one mixture."""
    start = f"{layer}_"
    return [{name.removeprefix(start): value for name, value in row.items()} for row in rows]


def last_layer(run: Run) -> list[Row]:
    """The history of a run of one mixture, or that of a network's last mixture layer."""
    if run.kind == "mixture":
        return run.history_rows
    return of_layer(run.history_rows, run.trace_header["layers"][-1]["name"])


def layers_of(rows: list[Row]) -> list[str]:
    """The mixture layers, from the names of the columns, in order."""
    first = "_usage_share_0"
    return [name.removesuffix(first) for name in (rows[0] if rows else {}) if name.endswith(first)]
