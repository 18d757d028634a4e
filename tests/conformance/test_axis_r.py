"""Rule of axis R: three runs trained as one program give what each gives alone, in outputs and in gradients.

Every option of every part's group is tested, with parameters, numbers (hyper buffers), data and noise of its own in
each run; and with one minibatch shared by the runs.
"""

import pytest
import torch

from moe_lab.config.compose import options
from moe_lab.layers import stack
from moe_lab.noise import Noise, generator
from moe_lab.parts import Step

R, B, C, SHAPE = 3, 7, 4, (1, 8, 8)

GROUPS = ("gate", "experts", "objective", "regularizer")
#: words without which an option is refused
NEEDS = {
    "regularizer=[load]": ["gate=noisy_top_k"],
    "objective=expert_loss": ["gate=expert_loss"],
    "objective=loudest": ["gate=loudest"],
    "objective=matching_pursuit": ["gate=matching_pursuit"],
    "objective=peeking": ["gate=uniform"],
    "objective=stochastic": ["gate=stochastic"],
}
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
    "objective=mixture": [["objective.second_softmax=true"]],
    "regularizer=[importance]": [["regularizers.importance.correction=0"]],
    "regularizer=[sample_similarity]": [
        [f"regularizers.sample_similarity.{key}" for key in ("form=paper", "beta_s=1.5", "beta_d=0.5", "on=weights")],
        [f"regularizers.sample_similarity.{key}" for key in ("form=reference", "beta_s=1.5", "beta_d=0.5")],
        [f"regularizers.sample_similarity.{key}" for key in ("form=reference", "beta_s=1.5", "distance=max")],
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


def cases():
    """Paper-sized networks are left out: their classes are here in small."""
    for group in GROUPS:
        for option in [option for option in options(group) if not option.startswith("paper_")]:
            word = f"{group}=[{option}]" if group == "regularizer" else f"{group}={option}"
            general = [extra for extra in EXTRA.get(group, []) if extra not in REFUSED.get(word, [])]
            for extra in [[], *general, *EXTRA.get(word, [])]:
                small = NEEDS.get(word, [f"{group}.count=5"] if group == "experts" else [])
                yield [word, *small, *extra]


def outcome(learner, x, y, noise):
    """Everything that a step gives, and the gradient of every parameter."""
    mixture = learner.mixture
    output = mixture(x, noise)
    loss, losses = learner.losses(Step(x, y, output, mixture.gate, mixture.experts, noise))
    gradients = torch.autograd.grad(losses.total.sum(), list(learner.parameters()), allow_unused=True)
    routing = output.routing
    return {
        "log_probs": output.log_probs_BC,
        "weights": routing.weights_BE,
        "probs": routing.probs_BE,
        "selected": routing.selected_BE.float(),
        "loss": loss,
        "total": losses.total,
        **losses.raw,
        **{name: gradient for (name, _), gradient in zip(learner.named_parameters(), gradients, strict=True)},
    }


@pytest.mark.parametrize("shared", [False, True], ids=["own data", "shared minibatch"])
@pytest.mark.parametrize("words", list(cases()), ids=" ".join)
def test_stacked_runs_equal_solo_runs(learner_of, draw, words, shared):
    solos = []
    for run in range(R):
        learner = learner_of(*words, seed=run, shape=SHAPE)
        for buffer in learner.buffers():
            buffer.mul_(1 + 0.25 * run)
        solos.append(learner)
    x, y = draw(R, B, 64), torch.arange(R * B).reshape(R, B) % C
    if shared:
        x, y = x[:1].expand(R, B, 64), y[:1].expand(R, B)
    together = outcome(
        stack(solos),
        x[0] if shared else x,
        y,
        Noise([generator(run, "noise") for run in range(R)], stacked=True),
    )
    for run, solo in enumerate(solos):
        alone = outcome(solo, x[run], y[run], Noise([generator(run, "noise")]))
        assert alone.keys() == together.keys()
        for name, value in alone.items():
            if value is None:
                assert together[name] is None, name
                continue
            assert together[name].shape == (R, *value.shape), name
            torch.testing.assert_close(
                together[name][run], value, rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}"
            )
