"""Dense and sparse dispatch give the same: values, gradients (missing is zero), and parameters after steps."""

import copy
import math
from dataclasses import replace

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from moe_lab.config.compose import compose
from moe_lab.data.dataset import Data, Split
from moe_lab.errors import ConfigError
from moe_lab.experiment.building import build_learner
from moe_lab.layers.grouped import GroupedRows
from moe_lab.layers.noise import Noise, generator
from moe_lab.layers.stacking import stack
from moe_lab.mixture import dispatch
from moe_lab.mixture.dispatchers import Sparse
from moe_lab.parts.experts.linear import Linear
from moe_lab.parts.experts.mlp import Mlp
from moe_lab.parts.objectives.mixture import Mixture as MixtureObjective
from moe_lab.parts.regularizers.importance import Importance
from moe_lab.parts.roles import Sizes
from moe_lab.routing.combine import RULES
from moe_lab.routing.decision import Routing
from moe_lab.routing.pairs import Pairs
from moe_lab.training.loop import Loop
from moe_lab.training.members import Member, Seeds
from moe_lab.training.options import Trainer
from moe_lab.training.watch import Watch

SIZES = Sizes(shape=(1, 3, 4), classes=4, experts=5, k=2, hidden=6)


def given_routing(mask_BE, rule):
    """Weights of the selected experts from fixed scores: a distribution, or positive numbers."""
    draw = torch.Generator().manual_seed(2)
    scores = torch.randn(mask_BE.shape, generator=draw, dtype=torch.float64).requires_grad_()
    if rule == "logits":
        return scores, Routing(scores, scores.exp() * mask_BE, mask_BE)
    log_weights = scores.masked_fill(~mask_BE, -torch.inf).log_softmax(-1)
    return scores, Routing(scores, log_weights.exp(), mask_BE, log_weights)


def of_selected(experts, x_BD, routing, rule):
    """The mixture's log-probabilities under sparse dispatch."""
    inputs, way = Sparse().dispatch(x_BD, routing)
    said = Sparse().combine(experts, experts.compute(inputs), way)
    return RULES[rule](Sparse().weights(routing, way, rule), said.log_probs_BEC)


def both_ways(experts, x_BD, mask_BE, rule):
    """Log-probabilities and gradients (weights' scores, experts' parameters), dense and sparse."""
    results = []
    for sparse in (False, True):
        scores, routing = given_routing(mask_BE, rule)
        if sparse:
            output = of_selected(experts, x_BD, routing, rule)
        else:
            output = RULES[rule](routing, experts(x_BD).log_probs_BEC)
        gradients = torch.autograd.grad(output[..., 0].square().sum(), (scores, *experts.parameters()))
        results.append((output, *gradients))
    return results


def masks(rows_of_at_least_one):
    row = st.lists(st.booleans(), min_size=5, max_size=5)
    return st.lists(row.filter(any) if rows_of_at_least_one else row, min_size=1, max_size=7)


@pytest.mark.parametrize("family", [Linear, Mlp])
@pytest.mark.parametrize("rule", ["logits", "probabilities"])
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_sparse_is_dense_for_every_mask(family, rule, data):
    """Any number of experts a sample; with the logits' rule also none, where both predict every class alike."""
    mask = torch.tensor(data.draw(masks(rows_of_at_least_one=rule == "probabilities")))
    experts = family(SIZES, count=5).double()
    x = torch.randn(len(mask), 12, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    for dense, sparse in zip(*both_ways(experts, x, mask, rule), strict=True):
        torch.testing.assert_close(sparse, dense, rtol=1e-12, atol=1e-12)


def test_a_sample_without_experts_predicts_every_class_alike():
    experts = Mlp(SIZES, count=5)
    mask = torch.zeros(3, 5, dtype=torch.bool)
    _, routing = given_routing(mask, "logits")
    output = of_selected(experts, torch.randn(3, 12), routing, "logits")
    torch.testing.assert_close(output, torch.full((3, 4), -math.log(4)).double(), check_dtype=False)


def test_pairs_by_hand():
    """Samples select experts 1; 0 and 1; none. By expert: (0, sample 1), (1, sample 0), (1, sample 1)."""
    pairs = Pairs(torch.tensor([[False, True], [True, True], [False, False]]))
    assert pairs.groups.counts == [1, 2] and pairs.groups.group_P.tolist() == [0, 1, 1]
    rows = pairs.rows(torch.tensor([[10.0], [11.0], [12.0]]))
    assert rows.rows_PI.flatten().tolist() == [11, 10, 11]
    named = GroupedRows(torch.tensor([[1.0], [2.0], [3.0]]), pairs.groups)
    assert pairs.spread(named).squeeze(-1).tolist() == [[2, 0], [1, 3], [0, 0]]


@pytest.mark.parametrize("shared", [False, True], ids=["own data", "shared minibatch"])
@pytest.mark.parametrize("each", [None, 2])
def test_runs_of_a_stack(shared, each):
    """R x E groups, R x B rows; a run's samples select as many experts as they like, or two each."""
    experts = stack([Mlp(SIZES, count=5).double() for _ in range(3)])
    draw = torch.Generator().manual_seed(5)
    scores = torch.rand(3, 7, 5, generator=draw)
    mask = scores > 0.5 if each is None else scores >= scores.topk(2).values[..., -1:]
    x = torch.randn(*([7] if shared else [3, 7]), 12, generator=draw, dtype=torch.float64)
    assert each or len(set(mask.sum(-1).flatten().tolist())) > 1
    for dense, sparse in zip(*both_ways(experts, x, mask, "logits"), strict=True):
        torch.testing.assert_close(sparse, dense, rtol=1e-12, atol=1e-12)


@pytest.fixture
def data():
    """In double precision, as the learners that are trained on it."""

    def split(samples, seed):
        x = torch.randn(samples, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return Split(x, x[:, :4].argmax(-1), torch.arange(samples))

    splits = [split(samples, seed) for seed, samples in enumerate((30, 6, 6))]
    return Data(*splits, (1, 3, 4), ("a", "b", "c", "d"), {"class": splits[2].y_N.numpy()})


def learner(*words, dispatch="dense"):
    small = ["experts.count=5"] + ([] if any(word == "experts=linear" for word in words) else ["experts.hidden=6"])
    return build_learner(compose([*small, f"trainer.dispatch={dispatch}", *words]), (1, 3, 4), 4, 0)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("words", [["gate=switch"], ["gate=top_k"], ["gate=relu"]], ids=str)
def test_after_steps_parameters_are_the_same(data, optimizer, words):
    """Also of experts that no sample of a batch selects: their update is that of the gradient zero. Batches of three
    samples leave experts out in every step."""
    made = []
    for way in ("dense", "sparse"):
        trainer = Trainer(epochs=2, batch_size=3, optimizer=optimizer, lr=0.01, weight_decay=0.1)
        member = Member(learner(*words, dispatch=way).double(), trainer, Seeds(0, 0, 0))
        loop = Loop([member], data, Watch(), lambda: False)
        while not loop.finished:
            loop.epoch()
        made.append(loop.learner.state_dict())
    assert made[0].keys() == made[1].keys()
    for name, value in made[0].items():
        torch.testing.assert_close(made[1][name], value, rtol=1e-10, atol=1e-10, msg=name)


def skipping(data, words, **options):
    """The loop of a run that skips untouched experts, and what each step found: who was selected, the parameters before
    and after."""
    trainer = Trainer(epochs=1, batch_size=3, lr=0.01, weight_decay=0.1, skip_untouched=True, **options)
    made = learner(*words, dispatch=options.get("dispatch", "dense")).double()
    steps = []

    class Looking(Watch):
        def batch(self, epoch, batch, loss):
            steps.append([one.detach().clone() for one in made.mixture.experts.parameters()])

    loop = Loop([Member(made, trainer, Seeds(0, 0, 0))], data, Looking(), lambda: False)
    return loop, steps


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_untouched_experts_are_left_as_they_are(data, optimizer):
    """A step changes all of an expert or nothing of it. Three samples touch one to three experts."""
    loop, steps = skipping(data, ["gate=switch"], optimizer=optimizer)
    steps.insert(0, [one.detach().clone() for one in loop.learner.mixture.experts.parameters()])
    loop.epoch()
    moved = [
        [[(a[e] != b[e]).any().item() for a, b in zip(before, after, strict=True)] for e in range(5)]
        for before, after in zip(steps[:-1], steps[1:], strict=True)
    ]
    assert all(len(set(of_expert)) == 1 for of_step in moved for of_expert in of_step)
    counts = [sum(of_expert[0] for of_expert in of_step) for of_step in moved]
    assert all(1 <= count <= 3 for count in counts)


def test_an_expert_that_is_skipped_trains_as_if_the_other_steps_had_not_been(data):
    """Adam by torch on one expert's parameters, stepped only where the expert has a gradient."""
    loop, _ = skipping(data, ["gate=switch"], dispatch="sparse")
    weights = loop.learner.mixture.experts.bank.output.bias_1O
    alone = [torch.nn.Parameter(one.detach().clone()) for one in weights]
    optimizers = [torch.optim.Adam([one], lr=0.01, weight_decay=0.1) for one in alone]

    def step_alone(parameter):
        for one, optimizer, gradient in zip(alone, optimizers, parameter.grad, strict=True):
            if gradient.any():
                one.grad = gradient.clone()
                optimizer.step()

    weights.register_post_accumulate_grad_hook(step_alone)
    loop.epoch()
    assert len({int(one.state[leaf]["step"]) for one, leaf in zip(optimizers, alone, strict=True) if one.state}) > 1
    torch.testing.assert_close(weights, torch.stack([one.detach() for one in alone]), rtol=1e-12, atol=1e-12)


def test_skipping_in_a_stack_and_after_a_pause(data):
    """Each run as alone, its state too; a state that is loaded again goes on to the same bits."""
    numbers = [{"lr": 0.01}, {"lr": 0.03}]

    def loop_of(runs):
        members = []
        for run in runs:
            trainer = Trainer(epochs=2, batch_size=3, skip_untouched=True, dispatch="sparse", **numbers[run])
            words = ["gate=top_k", "trainer.dispatch=sparse", "experts.count=5", "experts.hidden=6"]
            made = build_learner(compose(words), (1, 3, 4), 4, seed_init=run).double()
            members.append(Member(made, trainer, Seeds(run, run, run)))
        return Loop(members, data, Watch(), lambda: False)

    together, alone = loop_of([0, 1]), [loop_of([run]) for run in (0, 1)]
    for loop in (together, *alone):
        loop.epoch()
    again = loop_of([0, 1])
    again.load_state_dict(copy.deepcopy(together.state_dict()))
    for loop in (together, again, *alone):
        loop.epoch()
    for name, value in together.learner.state_dict().items():
        assert torch.equal(again.learner.state_dict()[name], value)
    for run, solo in enumerate(alone):
        of_run, expected = together.state_of_run(run), solo.state_dict()
        for name, value in expected["learner"].items():
            torch.testing.assert_close(of_run["learner"][name], value, rtol=1e-10, atol=1e-10)
        assert of_run["optimizer"]["state"].keys() == expected["optimizer"]["state"].keys()
        for leaf, values in expected["optimizer"]["state"].items():
            for name, value in values.items():
                torch.testing.assert_close(of_run["optimizer"]["state"][leaf][name], value, rtol=1e-10, atol=1e-10)


def test_skipping_is_refused_where_every_expert_learns():
    for words, reason in ([], "k=5 selects every expert"), (["gate=attentive", "k=2"], "this gate reads"):
        with pytest.raises(ConfigError, match=f"trainer.skip_untouched does not fit: {reason}"):
            learner("trainer.skip_untouched=true", *words)


@pytest.mark.parametrize("words", [["gate=switch"], ["gate=top_k"], ["gate=switch", "experts=linear"]], ids=str)
def test_float32_through_the_grouped_product(words):
    """Ten classes and 16 features, as they come."""
    results = []
    for way in ("dense", "sparse"):
        family = [] if "experts=linear" in words else ["experts.hidden=8"]
        made = build_learner(compose(["experts.count=5", *family, f"trainer.dispatch={way}", *words]), (1, 4, 4), 10, 0)
        x = torch.randn(20, 16, generator=torch.Generator().manual_seed(0))
        y = torch.arange(20) % 10
        noise = Noise([generator(0, "noise")])
        output = made.mixture(x, noise)
        step = made.mixture.step(x, y, output, noise)
        total = made.losses(step)[1].total
        results.append((output.log_probs_BC, *torch.autograd.grad(total, list(made.parameters()))))
        assert (output.experts is None) == (way == "sparse")
    for dense, sparse in zip(*results, strict=True):
        torch.testing.assert_close(sparse, dense, rtol=1e-4, atol=1e-6)


def test_evaluation_runs_all_experts():
    mixture = learner("gate=top_k", dispatch="sparse").mixture.eval()
    output = mixture(torch.randn(3, 12), Noise([generator(0, "noise")]))
    assert output.experts.log_probs_BEC.shape == (3, 5, 4)


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
        build_learner(compose(["experts.count=5", "trainer.dispatch=sparse", *words]), (1, 8, 8), 4, 0)


def test_parts_that_read_every_expert_are_a_reason():
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
