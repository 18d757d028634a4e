import numpy as np
import pytest

from moe_lab.errors import RunError
from moe_lab.metrics.traces import measure_counts
from moe_lab.routing.counts import Counts

TABLE = np.array([[3, 0, 1], [0, 2, 2]])


def test_tables_by_layer():
    counts = Counts(label="domain", values=("code", "prose"), layers={"0": TABLE, "7": TABLE[:, :2].astype(np.uint8)})
    assert {name: table.shape for name, table in counts.layers.items()} == {"0": (2, 3), "7": (2, 2)}
    assert all(table.dtype == np.int64 for table in counts.layers.values())
    # values alone, and it says so
    measured = measure_counts(counts.layers, counts.label)
    assert {one.layer for one in measured} == {"0", "7"} and any(one.value for one in measured)
    for one in measured:
        assert one.p is one.null_mean is one.low is one.high is None
        assert one.p_reason and "no documents to permute" in one.p_reason


WRONG = {
    "no layer": ({"layers": {}}, "at least one layer and one value"),
    "no value": ({"values": (), "layers": {"0": np.zeros((0, 3), int)}}, "at least one layer and one value"),
    "a value twice": ({"values": ("a", "a")}, "each different from the others"),
    "other values": ({"values": ("a",)}, r"the counts of layer '0' are \(2, 3\); expected 1 values x at least one"),
    "no expert": ({"layers": {"0": np.zeros((2, 0), int)}}, r"are \(2, 0\); expected 2 values x at least one expert"),
    "shares": ({"layers": {"0": TABLE / 4}}, "float64 of shape .2, 3.; expected integers with 2 axes"),
    "negative": ({"layers": {"0": -TABLE}}, "numbers -3 to 0; expected 0 to"),
    "beyond adding up": ({"layers": {"0": TABLE.astype(np.int64) * 2**40}}, "expected 0 to"),
    "never counted": ({"layers": {"0": TABLE * [[1], [0]]}}, "'prose' was never counted; leave it out"),
    "a path": ({"label": "../x"}, "'../x' cannot name a label"),
}


@pytest.mark.parametrize(("change", "said"), WRONG.values(), ids=WRONG)
def test_counts_that_cannot_be(change, said):
    with pytest.raises(RunError, match=said):
        Counts(**{"label": "domain", "values": ("code", "prose"), "layers": {"0": TABLE}, **change})
