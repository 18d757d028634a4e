"""The scope of balance: sums over a batch, or within groups of its rows."""

import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.layers.noise import Noise
from moe_lab.parts.batch_statistics import check_scopes
from moe_lab.parts.regularizers.importance import Importance
from moe_lab.parts.regularizers.load import Load
from moe_lab.parts.regularizers.mutual_information import MutualInformation
from moe_lab.parts.regularizers.sample_entropy import SampleEntropy
from moe_lab.parts.regularizers.switch_balance import SwitchBalance
from moe_lab.parts.regularizers.usage_kl import UsageKl
from moe_lab.parts.roles import LayerStep
from moe_lab.parts.sizes import Sizes
from moe_lab.routing.decision import Routing
from moe_lab.routing.groups import Groups, documents
from moe_lab.routing.values import LayerOutput

SIZES = Sizes((4,), 0, 3, 2)
MAKERS = [
    Importance,
    Load,
    UsageKl,
    MutualInformation,
    SwitchBalance,
    lambda sizes, **options: SwitchBalance(sizes, share="first", **options),
    lambda sizes, **options: SwitchBalance(sizes, share="samples", **options),
]


def step_of(probs, groups=None, rows=None):
    """Of all rows, or of some: the two largest of three experts are selected."""
    probs = probs if rows is None else probs[..., rows, :]
    selected = probs >= probs.topk(2).values[..., -1:]
    routing = Routing(probs, probs * selected, selected, extras={"load_probs_BE": probs.sqrt()})
    x = torch.zeros(*probs.shape[:-1], 4)
    return LayerStep(x, LayerOutput(x, x, routing, None), None, None, Noise([]), groups or {})


@pytest.fixture
def probs():
    return torch.rand(12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).softmax(-1)


@pytest.mark.parametrize("make", MAKERS)
def test_a_scope_is_the_mean_over_groups_weighted_by_their_rows(make, probs):
    number = torch.tensor([0, 0, 2, 2, 2, 0, 1, 0, 2, 2, 0, 2])
    found = make(SIZES, scope="class")(step_of(probs, {"class": Groups(number, 5)}))
    # groups 3 and 4 have no row
    by_hand = sum(
        (number == one).double().mean() * make(SIZES)(step_of(probs, rows=(number == one).nonzero().squeeze(-1)))
        for one in range(3)
    )
    torch.testing.assert_close(found, by_hand)


@pytest.mark.parametrize("make", MAKERS)
def test_runs_of_a_stack_have_groups_of_their_own(make, probs):
    probs_RBE = torch.stack([probs, probs.flip(-1)])
    number_RB = torch.tensor([[0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 1], [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1]])
    regularizer = make(SIZES, scope="class")
    together = regularizer(step_of(probs_RBE, {"class": Groups(number_RB, 2)}))
    alone = [regularizer(step_of(probs_RBE[r], {"class": Groups(number_RB[r], 2)})) for r in range(2)]
    torch.testing.assert_close(together, torch.stack(alone))


def test_within_documents_by_hand():
    """Two documents of two rows. All of each goes to one expert: even over the batch, uneven within."""
    probs = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]])
    routing = Routing(probs, probs, probs > 0)
    x = torch.zeros(4, 4)
    step = LayerStep(
        x, LayerOutput(x, x, routing, None), None, None, Noise([]), {"document": documents(2, 2, x.device)}
    )
    # batch: F = P = (1/2, 1/2, 0), 3 (1/4 + 1/4); a document: F = P = (1, 0, 0), 3
    assert SwitchBalance(SIZES)(step).item() == pytest.approx(1.5)
    assert SwitchBalance(SIZES, scope="document")(step).item() == pytest.approx(3)


@pytest.mark.parametrize("make", MAKERS)
def test_the_gradient_is_finite_with_an_empty_group(make, probs):
    probs = probs.clone().requires_grad_()
    make(SIZES, scope="class")(step_of(probs, {"class": Groups(torch.zeros(12, dtype=torch.int64), 3)})).backward()
    assert probs.grad.isfinite().all()


def test_a_scope_that_is_not_there_is_refused():
    check_scopes({"load": Load(SIZES, scope="class"), "other": SampleEntropy(SIZES)}, ["class"])
    with pytest.raises(ConfigError, match=r"regularizers\.load\.scope=domain: .* take batch or class"):
        check_scopes({"load": Load(SIZES, scope="domain")}, ["class"])
