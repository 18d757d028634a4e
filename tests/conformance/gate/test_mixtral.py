from moe_lab.experiment.job import prepare
from tests.conformance.cases import GateCase

CASE = GateCase(grows=True)


def test_it_is_top_k_by_another_name():
    assert prepare(["gate=mixtral"]).key == prepare(["gate=top_k"]).key
    assert prepare(["gate=mixtral", "k=3"]).key == prepare(["gate=top_k", "k=3"]).key != prepare(["gate=top_k"]).key
