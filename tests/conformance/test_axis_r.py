"""Rule of axis R: three runs trained as one program give what each gives alone, in outputs, in gradients, and in what
a step leaves behind.

Every option of every part's group is tested, in the forms that its own test file names (``CASE``), with parameters,
numbers (hyper buffers), data and noise of its own in each run; and with one minibatch shared by the runs. And under
sparse dispatch, where a form may have it, a run gives what it gives under dense dispatch: a part that reads the experts
must say so (``needs_every_expert``).
"""

import copy

import pytest
import torch

from moe_lab.layers.noise import Noise, generator
from moe_lab.layers.stacking import stack
from moe_lab.mixture.dispatch import why_dense
from moe_lab.mixture.dispatchers import Sparse, for_every_expert
from tests.conformance.cases import GateCase, forms

R, B, C, SHAPE = 3, 7, 4, (1, 8, 8)

FORMS = [form for group in ("gate", "experts", "objective", "regularizer", "controller") for form in forms(group)]


def outcome(learner, x, y, noise, rates):
    """Everything that two steps give and leave behind: outputs, gradients of every parameter, and then the state."""
    first = one_step(learner, x, y, noise, rates, 0.0)
    second = {f"then {name}": value for name, value in one_step(learner, x, y, noise, rates, 0.5).items()}
    return {**first, **second, **dict(learner.named_buffers())}


def one_step(learner, x, y, noise, rates, progress):
    """A training step in which proximal maps and controllers act and the optimizer does not; ``rates`` [...] are its
    learning rates."""
    learner.before_step(torch.tensor(progress))
    mixture = learner.mixture
    output = learner(x, noise)
    step = mixture.step(x, y, output, noise)
    loss, losses = learner.losses(step)
    gradients = torch.autograd.grad(losses.total.sum(), list(learner.parameters()), allow_unused=True)
    learner.after_step(step, lambda parameter: rates[(..., *[None] * (parameter.ndim - rates.ndim))])
    routing = output.routing
    stored = {"log_probs": output.log_probs_BC} if output.experts is None else output.stored(y)
    return {
        **{name: one for name, one in stored.items() if one.dtype is torch.float32},
        "likelihood": output.log_likelihood_B(y),
        "weights": routing.weights_BE,
        "probs": routing.probs_BE,
        "selected": routing.selected_BE.float(),
        "loss": loss,
        "total": losses.total,
        **learner.readings(losses),
        **{f"{name} after": parameter.detach().clone() for name, parameter in learner.named_parameters()},
        **{name: gradient for (name, _), gradient in zip(learner.named_parameters(), gradients, strict=True)},
    }


def solos_of(learner_of, form):
    solos = []
    for run in range(R):
        learner = learner_of(*form.words, seed=run, shape=SHAPE, classes=0 if form.case.of_numbers else C)
        for buffer in learner.buffers():
            buffer.mul_(1 + 0.25 * run)
        solos.append(learner)
    return solos


def batch(draw, form):
    return draw(R, B, 64), draw(R, B) if form.case.of_numbers else torch.arange(R * B).reshape(R, B) % C


@pytest.mark.parametrize("shared", [False, True], ids=["own data", "shared minibatch"])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_stacked_runs_equal_solo_runs(learner_of, draw, form, shared):
    solos = solos_of(learner_of, form)
    x, y = batch(draw, form)
    if shared:
        x, y = x[:1].expand(R, B, 64), y[:1].expand(R, B)
    rates = torch.tensor([0.1, 0.2, 0.3])
    together = outcome(
        stack(solos),
        x[0] if shared else x,
        y,
        Noise([generator(run, "noise") for run in range(R)], stacked=True),
        rates,
    )
    for run, solo in enumerate(solos):
        alone = outcome(solo, x[run], y[run], Noise([generator(run, "noise")]), rates[run])
        assert alone.keys() == together.keys()
        for name, value in alone.items():
            if value is None:
                assert together[name] is None, name
                continue
            assert together[name].shape == (R, *value.shape), name
            torch.testing.assert_close(
                together[name][run], value, rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}"
            )


@pytest.mark.parametrize("form", [form for form in FORMS if not isinstance(form.case, GateCase)], ids=str)
def test_sparse_dispatch_is_dense_dispatch(learner_of, draw, form):
    """Gates have a test of their own, test_every_gate.py; a stack is dispatched in tests/mixture/test_dispatch.py."""
    k = [] if any(word.startswith("k=") for word in form.words) else form.case.selecting
    made = learner_of(*form.words, *k, shape=SHAPE, classes=0 if form.case.of_numbers else C)
    reason = why_dense(made.mixture.experts, made.mixture.gate, made.objective, dict(made.regularizers))
    x, y = (one[0] for one in batch(draw, form))
    state, results = copy.deepcopy(made.state_dict()), []
    for way in ("dense", "sparse") if reason is None else ("dense",):
        made.load_state_dict(state)
        made.mixture.dispatcher = Sparse() if way == "sparse" else for_every_expert(made.mixture.gate)
        results.append(outcome(made, x, y, Noise([generator(0, "noise")]), torch.tensor(0.1)))
    for name, value in results[-1].items():
        expected = results[0][name]
        if value is None or expected is None:
            # no gradient is the gradient zero
            assert all(one is None or not one.any() for one in (value, expected)), name
            continue
        torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")
    assert (reason is not None) == form.dense, reason
