import pytest

from moe_lab.layers.measured import Measured

TABLE = """# what was measured
# on a machine
device,batch,experts,ratio
cpu,64,4,0.5
cpu,1024,4,2.0
cpu,64,64,3.0
cuda,64,4,9.0
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return Measured(path, ("device",), ("batch", "experts"), "ratio")


@pytest.mark.parametrize(
    ("batch", "experts", "ratio"),
    [
        (64, 4, 0.5),
        # in logarithms (7, 3): squared 1 + 1 from (6, 2), 9 + 1 from (10, 2), 1 + 9 from (6, 6)
        (128, 8, 0.5),
        # in numbers 400 is nearer to 64, in logarithms (8.6) to 1024
        (400, 4, 2.0),
        # (6, 5): 3 from (6, 2), 1 from (6, 6)
        (64, 32, 3.0),
        # (8, 2): 2 from (6, 2) and from (10, 2), and the first counts
        (256, 4, 0.5),
    ],
)
def test_the_nearest_in_logarithms(table, batch, experts, ratio):
    assert table.nearest(["cpu"], [batch, experts]) == ratio


def test_only_rows_of_the_kind_count(table):
    assert table.nearest(["cuda"], [1024, 64]) == 9.0
    assert table.nearest(["mps"], [64, 4]) is None
