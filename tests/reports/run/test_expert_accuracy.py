import pytest
from sklearn.metrics import accuracy_score

from moe_lab.metrics import RunArrays
from moe_lab.reports.run.expert_accuracy import expert_accuracy


@pytest.fixture(scope="module")
def arrays(make_run):
    return RunArrays.from_run(make_run("routed"))


def test_each_experts_accuracy_on_all_samples(arrays):
    own = [0.1, None, 0.0, 0.2, 0.3]
    picture = expert_accuracy(arrays, own, {"mixture": 0.05, "oracle": 0.01})
    for e, row in enumerate(picture.rows):
        right = accuracy_score(arrays.label_N, arrays.expert_prediction_NE[:, e])
        assert row["accuracy_all_percent"] == pytest.approx(100 * right)
        assert (row["mixture_percent"], row["oracle_percent"]) == (95.0, 99.0)
    assert [row["accuracy_own_percent"] for row in picture.rows] == pytest.approx([90.0, None, 100.0, 80.0, 70.0])
    assert "expert 1" not in picture.alt
