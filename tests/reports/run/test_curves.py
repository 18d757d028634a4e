import math

import numpy as np

from moe_lab.reports.run.curves import accuracy_curve, column, entropy_curve, expert_count, loss_curve


def row(epoch, **values):
    return {"epoch": epoch, "usage_share_0": 0.25, "usage_share_1": 0.75, "train_loss_nats": 1.0 / epoch, **values}


HISTORY = [row(1, train_error_rate=0.5), row(2, train_error_rate=0.25)]


def test_an_empty_cell_is_a_gap():
    np.testing.assert_array_equal(column([{"a": None}, {"a": 2.0}, {}], "a"), [math.nan, 2.0, math.nan])


def test_experts_are_counted_by_their_columns():
    assert expert_count(HISTORY) == 2
    assert expert_count([]) == 0


def test_accuracy_is_what_is_missing_from_the_error():
    picture = accuracy_curve(HISTORY)
    # 100 (1 - 0.25) = 75; there is no validation split, so there is no validation curve
    assert picture.rows == (
        {"epoch": 1, "train_accuracy_percent": 50.0},
        {"epoch": 2, "train_accuracy_percent": 75.0},
    )
    assert "75" in picture.alt
    assert "validation_accuracy" not in picture.alt


def test_a_loss_that_is_not_finite_is_left_out():
    picture = loss_curve([*HISTORY, row(3, train_loss_nats=math.inf)])
    assert [r["train_loss_nats"] for r in picture.rows] == [1.0, 0.5, None]


def test_a_history_without_a_number_is_said_to_be_empty():
    assert "no value was recorded" in accuracy_curve([row(1)]).alt


def test_entropies_are_drawn_below_their_bound():
    picture = entropy_curve([row(1, train_usage_entropy_bits=0.8, train_sample_entropy_bits=0.1)])
    assert picture.rows == ({"epoch": 1, "train_usage_entropy_bits": 0.8, "train_sample_entropy_bits": 0.1},)
