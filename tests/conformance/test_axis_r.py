"""Rule of axis R: three runs trained as one program give what each gives alone, in outputs, in gradients, and in what
a step leaves behind.

Every option of every part's group is tested, with parameters, numbers (hyper buffers), data and noise of its own in
each run; and with one minibatch shared by the runs. And under sparse dispatch, where a case may have it, a run gives
what it gives under dense dispatch: a part that reads the experts must say so (``needs_every_expert``).
"""

import copy

import pytest
import torch

from moe_lab.config.compose import options
from moe_lab.layers.noise import Noise, generator
from moe_lab.layers.stacking import stack
from moe_lab.mixture.dispatch import why_dense
from moe_lab.mixture.dispatchers import Sparse, for_every_expert

R, B, C, SHAPE = 3, 7, 4, (1, 8, 8)

GROUPS = ("gate", "experts", "objective", "regularizer", "controller")
#: words without which an option is refused
NEEDS = {
    "regularizer=[load]": ["gate=noisy_top_k"],
    "objective=expert_loss": ["gate=expert_loss"],
    "objective=loudest": ["gate=loudest"],
    "objective=matching_pursuit": ["gate=matching_pursuit"],
    "objective=peeking": ["gate=uniform"],
    "objective=stochastic": ["gate=stochastic"],
    "regularizer=[l1]": ["gate=relu"],
    "regularizer=[l0]": ["gate=hard_concrete"],
    "regularizer=[selector_entropy]": ["gate=dselect_k"],
    "regularizer=[switch_balance]": ["k=2"],
    "controller=[loss_free_bias]": ["k=2"],
    "experts=gaussian": ["experts.count=5", "objective=mixture_density"],
    "experts=linear_gaussian": ["experts.count=5", "objective=mixture_density"],
    "objective=mixture_density": ["experts=gaussian", "experts.count=5"],
}
STEPS = ["controllers.temperature.schedule=steps", "controllers.temperature.steps=[3,2,1]"]
DUAL = [f"controllers.temperature.{key}" for key in ("schedule=dual", "target_bits=0.5", "rate=0.5")]
#: the word by which a case has numbers as targets
OF_NUMBERS = "objective=mixture_density"
#: further forms of an option
EXTRA = {
    "gate": [["k=1"], ["k=2"]],
    "gate=top_k": [["gate.weigh.over=all"], ["gate/weigh=sigmoid", "gate.weigh.renormalize=true"]],
    "gate=noisy_top_k": [["gate.weigh.over=all"], ["gate/select=capacity", "gate.select.min_capacity=1"]],
    "gate=switch": [["gate/select=capacity", "gate.select.min_capacity=1", "gate.select.capacity_factor=0.7"]],
    "gate=batch_prioritized": [["gate.select.min_capacity=1"]],
    "gate=gshard_top2": [["gate.select.min_capacity=1"], ["gate.select.min_capacity=1", "gate.select.second=mesh"]],
    "gate=sigmoid": [["gate.select.score=softmax"], ["gate/select=expert_choice"]],
    "gate=soft_moe": [["gate.patch=2", "gate.slots=2", "gate.position=false"], ["gate.patch=8", "experts=linear"]],
    "gate=cosine": [["gate.score.learn_tau=false"]],
    "gate=attentive": [["gate.score.query=post", "gate.score.key=post"]],
    "gate=softmax": [
        ["gate/score=linear"],
        ["gate.weigh.temperature=2.0"],
        ["gate/score/body=conv", "gate.score.body.filters=[2,3]", "gate.score.body.padding=1"],
        ["gate/score/body=conv", "gate.score.body.padding=1", "gate.score.body.batch_norm=[0]"],
    ],
    "gate=sparsemax": [["gate.weigh.over=all", "k=2"]],
    "gate=entmax": [["gate.weigh.alpha=1.2", "gate.weigh.temperature=0.1"]],
    "gate=hierarchical": [["experts=mlp", "experts.count=6", "gate.score.branching=[2,3]"]],
    "objective=competitive": [["objective.exponent=0.5"]],
    "objective=em": [["objective.responsibilities=hard"]],
    "experts=conv": [["experts.filters=[2,3]", "experts.padding=1", "experts.batch_norm=[1]", "experts.bias=all"]],
    "regularizer=[load]": [["k=1"]],
    "regularizer=[switch_balance]": [
        ["regularizers.switch_balance.share=samples"],
        ["regularizers.switch_balance.share=first"],
    ],
    "regularizer=[l1]": [[f"regularizers.l1.{key}" for key in ("form=plain", "adapt=false", "weight=0.1")]],
    "regularizer=[sample_entropy]": [["regularizers.sample_entropy.goal=max"]],
    "regularizer=[orthogonality]": [
        ["k=3", *(f"regularizers.orthogonality.{key}" for key in ("relative=true", "features=post"))]
    ],
    "regularizer=[lasso]": [["regularizers.lasso.by=input"], ["k=1", "regularizers.lasso.by=expert"]],
    "controller=[loss_free_bias]": [
        ["controllers.loss_free_bias.rate=0.5", "controllers.loss_free_bias.recentre=true"],
        ["gate=noisy_top_k", "controllers.loss_free_bias.rate=0.5"],
    ],
    "controller=[temperature]": [["controllers.temperature.schedule=linear"], ["gate=top_k", *DUAL], STEPS],
    "controller=[hard_constraint]": [
        ["controllers.hard_constraint.margin=0.01", "controllers.hard_constraint.until=1"],
        [
            *("k=3", "gate.weigh.over=all"),
            *(f"controllers.hard_constraint.{key}" for key in ("margin=0.01", "until=1")),
        ],
    ],
    "objective=mixture": [["objective.second_softmax=true"]],
    "objective=mixture_density": [["k=2"], ["gate=attentive"], ["experts.least_sd=0.3"]],
    "regularizer=[importance]": [["regularizers.importance.correction=0"]],
    "regularizer=[sample_similarity]": [
        [f"regularizers.sample_similarity.{key}" for key in ("form=paper", "beta_s=1.5", "beta_d=0.5", "on=weights")],
        [f"regularizers.sample_similarity.{key}" for key in ("form=reference", "beta_s=1.5", "beta_d=0.5")],
        [f"regularizers.sample_similarity.{key}" for key in ("form=reference", "beta_s=1.5", "distance=max")],
        ["regularizers.sample_similarity.features=random"],
    ],
}
#: general forms that an option cannot use
REFUSED = {
    "gate=base": [["k=2"]],
    "gate=gumbel": [["k=2"]],
    "gate=hard_concrete": [["k=1"], ["k=2"]],
    "gate=loudest": [["k=1"], ["k=2"]],
    "gate=soft_moe": [["k=1"], ["k=2"]],
    "gate=stochastic": [["k=2"]],
    "gate=uniform": [["k=1"], ["k=2"]],
}
#: the words by which a gate selects, where it is not k=2
SELECTING = {
    "objective=loudest": [],
    "objective=peeking": [],
    "objective=stochastic": [],
    "regularizer=[l0]": [],
    "regularizer=[l1]": [],
}
#: options that all experts must run for, or with gates that they must run for
DENSE = {
    *("experts=conv", "experts=gaussian", "experts=linear_gaussian", "objective=mixture_density"),
    *(f"objective={name}" for name in ("competitive", "em", "expected_loss", "expert_loss", "loudest")),
    *(
        "objective=matching_pursuit",
        "objective=peeking",
        "objective.second_softmax=true",
        "regularizer=[orthogonality]",
    ),
}


def cases():
    """Paper-sized networks are left out: their classes are here in small."""
    for group in GROUPS:
        for option in [option for option in options(group) if not option.startswith("paper_")]:
            word = f"{group}=[{option}]" if group in ("regularizer", "controller") else f"{group}={option}"
            general = [extra for extra in EXTRA.get(group, []) if extra not in REFUSED.get(word, [])]
            for extra in [[], *general, *EXTRA.get(word, [])]:
                small = NEEDS.get(word, [f"{group}.count=5"] if group == "experts" else [])
                yield [word, *small, *extra]


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


def solos_of(learner_of, words):
    solos = []
    for run in range(R):
        learner = learner_of(*words, seed=run, shape=SHAPE, classes=0 if OF_NUMBERS in words else C)
        for buffer in learner.buffers():
            buffer.mul_(1 + 0.25 * run)
        solos.append(learner)
    return solos


def batch(draw, words):
    return draw(R, B, 64), draw(R, B) if OF_NUMBERS in words else torch.arange(R * B).reshape(R, B) % C


@pytest.mark.parametrize("shared", [False, True], ids=["own data", "shared minibatch"])
@pytest.mark.parametrize("words", list(cases()), ids=" ".join)
def test_stacked_runs_equal_solo_runs(learner_of, draw, words, shared):
    solos = solos_of(learner_of, words)
    x, y = batch(draw, words)
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


@pytest.mark.parametrize("words", [one for one in cases() if not one[0].startswith("gate=")], ids=" ".join)
def test_sparse_dispatch_is_dense_dispatch(learner_of, draw, words):
    """Gates have a test of their own, test_every_gate.py; a stack is dispatched in tests/mixture/test_dispatch.py."""
    k = [] if any(word.startswith("k=") for word in words) else SELECTING.get(words[0], ["k=2"])
    made = learner_of(*words, *k, shape=SHAPE, classes=0 if OF_NUMBERS in words else C)
    reason = why_dense(made.mixture.experts, made.mixture.gate, made.objective, dict(made.regularizers))
    x, y = (one[0] for one in batch(draw, words))
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
    assert (reason is None) == (not DENSE & {*words}), reason
