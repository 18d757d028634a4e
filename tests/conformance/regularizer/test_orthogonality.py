import numpy as np
import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.parts.regularizers.orthogonality import RIDGE, Orthogonality
from tests.conformance.cases import Case

CASE = Case(
    dense=True, forms=[["k=3", *(f"regularizers.orthogonality.{key}" for key in ("relative=true", "features=post"))]]
)


def value(sizes, step_of, hidden, selected, **options):
    regularizer = Orthogonality(sizes(experts=hidden.shape[-2], hidden=hidden.shape[-1]), **options)
    return regularizer(step_of(hidden_BEH=hidden, selected_BE=selected))


def test_by_hand(sizes, step_of):
    # h_0 = (2, 0, 0), h_1 = (3, 3, 0): cosine^2 1/2. Of |h_0|^2 = 4 two lie along h_1, of |h_1|^2 = 18 nine along h_0
    hidden = torch.tensor([[[2.0, 0, 0, 0], [3.0, 3, 0, 0], [9.0, 9, 9, 9]]])
    selected = torch.tensor([[True, True, False]])
    assert value(sizes, step_of, hidden, selected).item() == pytest.approx((2 + 9) / 2, rel=1e-3)
    assert value(sizes, step_of, hidden, selected, relative=True).item() == pytest.approx(1 / 2, rel=1e-3)
    # after ReLU (2, 0, 0) and (0, 3, 0) are orthogonal
    hidden = torch.tensor([[[2.0, -4, 0, 0], [-3.0, 3, 0, 0], [9.0, 9, 9, 9]]])
    assert value(sizes, step_of, hidden, selected, features="post").item() == pytest.approx(0, abs=1e-3)


def test_against_projections_by_least_squares(sizes, step_of, draw):
    hidden, selected = draw(7, 5, 12).double(), draw(7, 5) > -0.3
    total = count = 0
    for h, chosen in zip(hidden.numpy(), selected.numpy(), strict=True):
        for e in np.flatnonzero(chosen):
            others = h[[f for f in np.flatnonzero(chosen) if f != e]].T
            total += ((others @ np.linalg.lstsq(others, h[e])[0]) ** 2).sum() if others.size else 0
            count += 1
    assert value(sizes, step_of, hidden, selected).item() == pytest.approx(total / count, rel=20 * RIDGE)


def test_features_of_one_direction_and_dead_ones_are_finite(sizes, step_of, draw):
    same = draw(7, 1, 12).expand(7, 5, 12)
    dead = torch.cat((torch.zeros(7, 2, 12), draw(7, 3, 12)), -2)
    for hidden, share in ((same, 1.0), (dead, None)):
        hidden = hidden.clone().requires_grad_()
        cost = value(sizes, step_of, hidden, torch.ones(7, 5, dtype=torch.bool), relative=True)
        cost.backward()
        assert cost.isfinite() and hidden.grad.isfinite().all()
        assert share is None or cost.item() == pytest.approx(share, abs=1e-2)


def test_the_gradient(sizes, step_of, draw):
    hidden, selected = draw(2, 3, 6).double().requires_grad_(), torch.tensor([[True] * 3, [True, True, False]])
    assert torch.autograd.gradcheck(lambda h: value(sizes, step_of, h, selected), hidden)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["experts=linear"], "have none"),
        (["k=1"], "take k of at least 2"),
        (["experts.hidden=4"], "fewer than H \\+ 1 = 5 experts"),
    ],
    ids=str,
)
def test_what_it_cannot_compare_is_refused(learner_of, words, reason):
    with pytest.raises(ConfigError, match=reason):
        learner_of("regularizer=[orthogonality]", *words)
