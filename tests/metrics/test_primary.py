"""The metric by which runs are compared leads the headline of a run of each kind."""

import pytest

from moe_lab.experiment.results import headline_of
from moe_lab.metrics.primary import primary


def entries(**values):
    return {name: {"value": value} for name, value in values.items()}


@pytest.mark.parametrize(
    ("task", "metrics", "name"),
    [
        ("classification", entries(test_loss_nats=0.5, test_error_rate=0.1, test_rmse_sd=None), "test_error_rate"),
        ("regression", entries(test_loss_nats=0.5, test_error_rate=None, test_rmse_sd=0.3), "test_rmse_sd"),
        ("classification", entries(test_error_rate=0.7, test_loss_nats=2.0, test_bits_per_byte=2.9), "test_loss_nats"),
        # the tokens of chains are no bytes
        ("classification", entries(test_error_rate=0.7, test_loss_nats=2.0, test_bits_per_byte=None), "test_loss_nats"),
    ],
)
def test_it_leads_the_headline(task, metrics, name):
    every = {"bayes_gap", "mutual_information_expert_label_bits", "information_per_usage", "sample_entropy_bits"}
    every |= {"usage_entropy_bits", "dead_experts"}
    metrics = {**entries(**dict.fromkeys(every)), **metrics}
    assert primary(metrics) == name == headline_of(metrics, task)[0]
