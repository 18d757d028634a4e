import pytest

from moe_lab.metrics.learned import never_learned, never_learned_numbers
from moe_lab.reports.kit.headline import verdict

S = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("error", "classes", "never"),
    # 95 % of 1 - 1/10 is .855, of 1 - 1/2 is .475; one class alone has nothing to guess
    [(0.9, 10, True), (0.856, 10, True), (0.854, 10, False), (0.48, 2, True), (0.47, 2, False), (0.0, 1, False)],
)
def test_an_error_is_set_beside_that_of_guessing(error, classes, never):
    assert never_learned(error, classes) is never


def test_a_mean_squared_error_is_set_beside_the_variance():
    # .975^2 = .9506, .974^2 = .9487
    assert never_learned_numbers(0.975) and not never_learned_numbers(0.974)


def test_the_verdict_says_so():
    metrics = {"test_error_rate": {"value": 0.9, "unit": "fraction"}}
    assert f"test error 90.0{S}%, where guessing gives 90.0{S}%: it has not learned" in verdict(metrics, 1, 10)
    assert "learned" not in verdict({"test_error_rate": {"value": 0.2, "unit": "fraction"}}, 1, 10)
    of_numbers = {"test_rmse_sd": {"value": 1.01, "unit": "sd"}, "test_loss_nats": {"value": 1.4, "unit": "nats"}}
    assert "where the mean alone gives 1: it has not learned" in verdict(of_numbers, 1, 0, task="regression")


def test_the_verdict_counts_tasks_that_were_never_learned():
    def said(tasks):
        metrics = {"test_error_rate": 0.4, "tasks_never_learned": tasks}
        return verdict({name: {"value": value, "unit": "fraction"} for name, value in metrics.items()}, 1, 10)

    assert f"test error 40.0{S}%, 1 task never learned." in said(1)
    assert "2 tasks never learned" in said(2) and "never" not in said(0)
