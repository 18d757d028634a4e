import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.parts.regularizers.selector_entropy import SelectorEntropy
from tests.conformance.cases import Case

CASE = Case(needs=["gate=dselect_k"])


def test_it_is_what_the_gate_gives(sizes, step_of):
    entropy = torch.tensor([0.7, 0.1, 0.3], requires_grad=True)
    value = SelectorEntropy(sizes(), weight=0.5)(step_of(extras={"selector_entropy": entropy}))
    assert torch.equal(value, entropy)


def test_a_gate_without_selectors_is_refused(learner_of):
    with pytest.raises(ConfigError, match="regularizer selector_entropy needs a gate.*take gate=dselect_k"):
        learner_of("regularizer=[selector_entropy]")
