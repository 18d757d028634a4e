"""Which way of dispatch a run takes: what is refused, and what the table of speeds says."""

from dataclasses import replace

import pytest

from moe_lab.errors import ConfigError
from moe_lab.experiment.building import build_learner
from moe_lab.mixture import dispatch
from moe_lab.parts.experts.mlp import Mlp
from moe_lab.parts.objectives.mixture import Mixture as MixtureObjective
from moe_lab.parts.regularizers.importance import Importance
from moe_lab.parts.roles import Sizes
from tests.composing import composed

SIZES = Sizes(shape=(1, 3, 4), classes=4, experts=5, k=2, hidden=6)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["gate=softmax"], "k=5 selects every expert"),
        (["gate=attentive", "k=2"], "this gate reads what every expert computed"),
        (["gate=soft_moe"], "this gate gives every expert slots"),
        (["gate=top_k", "experts=conv"], "experts Conv have no sparse form"),
        (["gate=gumbel"], "the gradient of this gate reads experts that are not selected"),
        (["gate=top_k", "baseline=single"], "k=1 selects every expert"),
    ],
    ids=str,
)
def test_sparse_is_refused_with_the_reason(words, reason):
    with pytest.raises(ConfigError, match=f"trainer.dispatch=sparse does not fit: {reason}"):
        build_learner(composed("experts.count=5", "trainer.dispatch=sparse", *words), (1, 8, 8), 4, 0)


def test_parts_that_read_every_expert_are_a_reason(learner):
    gate = learner("gate=top_k").mixture.gate
    objective, regularizers = MixtureObjective(SIZES), {"importance": Importance(SIZES)}
    assert dispatch.why_all_learn(gate, objective, regularizers) is None

    class Reading(MixtureObjective):
        needs_every_expert = True

    assert dispatch.why_all_learn(gate, Reading(SIZES), {}).lacks == "objective Reading reads every expert"
    regularizers["importance"].needs_every_expert = True
    assert dispatch.why_all_learn(gate, objective, regularizers).lacks == "regularizer importance reads every expert"


def test_the_table_decides(monkeypatch, tmp_path):
    """The nearest row in batch, E, k and parameters of an expert."""
    path = tmp_path / "dispatch.csv"
    path.write_text(
        "device,batch,experts,k,parameters,dense_over_sparse\ncpu,64,4,1,1024,0.5\ncpu,512,16,1,32768,3.0\n"
    )
    monkeypatch.setattr(dispatch, "TABLE", replace(dispatch.TABLE, path=path))
    small, large = Mlp(SIZES, count=4, hidden=6), Mlp(SIZES, count=16, hidden=2000)
    assert dispatch.faster("cpu", 64, small, 1) == "dense"
    assert dispatch.faster("cpu", 512, large, 1) == "sparse"
    assert dispatch.faster("cuda", 512, large, 1) == "dense"


def test_the_committed_table_has_both():
    """Its smallest shape, and large experts of which few are selected."""
    assert dispatch.TABLE.nearest(["cpu"], [64, 4, 1, 1210]) == 0.70
    assert dispatch.TABLE.nearest(["cpu"], [512, 64, 1, 200_000]) > 1
