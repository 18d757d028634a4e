import pytest
import torch

from moe_lab.routing.decision import Routing
from moe_lab.routing.outputs import ExpertOutput, predicted
from moe_lab.routing.values import LayerOutput, ValueOutput

#: two rows, two experts, two numbers each
VALUES = torch.tensor([[[1.0, 2.0], [3.0, -4.0]], [[5.0, 6.0], [7.0, 8.0]]])


def test_a_mixture_is_the_weighted_sum():
    weights = torch.tensor([[0.5, 2.0], [0.0, 0.0]])
    # 0.5 * 1 + 2 * 3 = 6.5 and 0.5 * 2 - 2 * 4 = -7; a row without weights gives zeros
    assert ValueOutput(VALUES, None).mix(weights).tolist() == [[6.5, -7.0], [0.0, 0.0]]


def test_slots_are_averaged_by_their_shares():
    """One sample with two slots: rows 0 and 1 are what the experts give for them."""
    shares = torch.tensor([[[0.25, 0.75], [0.5, 0.5]]])
    output = ValueOutput(VALUES, 10 * VALUES).over_slots(shares.log())
    # expert 0: (1 + 3 * 5) / 4 and (2 + 3 * 6) / 4; expert 1: (3 + 7) / 2 and (-4 + 8) / 2
    expected = torch.tensor([[[4.0, 5.0], [5.0, 2.0]]])
    torch.testing.assert_close(output.values_BEO, expected)
    torch.testing.assert_close(output.hidden_BEH, 10 * expected)
    assert ValueOutput(VALUES, None).over_slots(shares.log()).hidden_BEH is None


def test_rows_of_a_document_share_its_slots():
    """Two documents of two rows, each with one slot: the rows of a document get what the experts give for its slot."""
    shares = torch.ones(4, 2, 1)
    output = ValueOutput(VALUES, None).over_slots(shares.log())
    torch.testing.assert_close(output.values_BEO, VALUES[[0, 0, 1, 1]])


def test_hidden_features_are_asked_of_experts_that_all_ran():
    routing = Routing(torch.ones(2, 2), torch.ones(2, 2), torch.ones(2, 2) > 0)
    assert LayerOutput(VALUES[0], VALUES[0], routing, ValueOutput(VALUES, 10 * VALUES)).expert_hidden_BEH.equal(
        10 * VALUES
    )
    with pytest.raises(TypeError, match="the experts' output"):
        _ = LayerOutput(VALUES[0], VALUES[0], routing, None).expert_hidden_BEH


def test_values_are_no_predictions():
    said = ExpertOutput(VALUES.log_softmax(-1), None)
    assert predicted(said) is said
    with pytest.raises(TypeError, match="predictions are read here"):
        predicted(ValueOutput(VALUES, None))
