from moe_lab.metrics import RunArrays
from moe_lab.metrics.cost import parameters_active, parameters_total


def test_parameters_are_plain_whole_numbers(tiny):
    arrays = RunArrays.from_files(tiny)
    assert (parameters_total(arrays), parameters_active(arrays)) == (1000, 600)
    assert type(parameters_total(arrays)) is int
