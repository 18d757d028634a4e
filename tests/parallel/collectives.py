"""What ranks give each other, against hand arithmetic on two of them."""

import copy

import torch
import torch.distributed as dist

from moe_lab.config.compose import compose
from moe_lab.experiment.building import build_learner
from moe_lab.layers.noise import Noise, generator
from moe_lab.layers.ranks import Ranks, among
from moe_lab.training.loop import Loop
from moe_lab.training.mixture_learner import MixtureLearner
from moe_lab.training.options import Trainer
from tests.parallel.equal import data, loop_of


def gathers(ranks: Ranks) -> None:
    """Three samples on two ranks: one on the first, two on the second. The gradient of sum_b c_b x_b is c_b."""
    x_BD = torch.tensor([[1.0], [2.0], [3.0]])
    own_bD = ranks.take(x_BD).clone().requires_grad_()
    assert own_bD.flatten().tolist() == [[1.0], [2.0, 3.0]][ranks.rank]
    whole_BD = ranks.gather(own_bD)
    assert torch.equal(whole_BD, x_BD)
    (whole_BD.flatten() * torch.tensor([10.0, 20.0, 30.0])).sum().backward()
    assert own_bD.grad.flatten().tolist() == [[10.0], [20.0, 30.0]][ranks.rank]


def splits(ranks: Ranks) -> None:
    """Each rank squares its own rows: the gradient 2 x of all rows is on both."""
    x_BD = torch.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    own = len(ranks.take(x_BD))
    ranks.split(x_BD, own).square().sum().backward()
    assert x_BD.grad.flatten().tolist() == [2.0, 4.0, 6.0]


def shares(ranks: Ranks) -> None:
    """The first rank multiplies by 3, the second by 4: 3 + 4 = 7 on both. What nobody uses has no gradient."""
    used, unused = (torch.ones(1, requires_grad=True) for _ in range(2))
    shared = ranks.shared({"used": used, "unused": unused})
    (shared["used"] * (3 + ranks.rank)).sum().backward()
    assert used.grad.tolist() == [7.0] and unused.grad is None


def exchanges(ranks: Ranks) -> None:
    """The first rank keeps one row of three and sends two; the second sends one and keeps none."""
    rows = torch.tensor([[1.0], [2.0], [3.0]] if ranks.leads else [[4.0]], requires_grad=True)
    send, receive = ([1, 2], [1, 1]) if ranks.leads else ([1, 0], [2, 0])
    came = ranks.exchange(rows, send, receive)
    assert came.flatten().tolist() == ([1.0, 4.0] if ranks.leads else [2.0, 3.0])
    (came * (10 + ranks.rank)).sum().backward()
    assert rows.grad.flatten().tolist() == ([10.0, 11.0, 11.0] if ranks.leads else [10.0])
    # two rows of 4 bytes there and one back; one there and two back
    assert ranks.sent_bytes == 12


def counts(ranks: Ranks) -> None:
    """Of three experts the first is on the first rank, the others on the second."""
    came = ranks.exchange_counts(torch.tensor([5, 6, 7] if ranks.leads else [1, 2, 3]))
    assert came.tolist() == ([[5], [1]] if ranks.leads else [[6, 7], [2, 3]])


def agrees(ranks: Ranks) -> None:
    assert ranks.agreed(ranks.leads) and not ranks.agreed(not ranks.leads)


def collects(ranks: Ranks) -> None:
    experts = torch.arange(6.0).view(3, 2)
    found = ranks.collected(experts[ranks.span(3)], 3)
    assert torch.equal(found, experts if ranks.leads else experts[1:])
    by_columns = torch.arange(12.0).view(3, 2, 2).mT
    found = ranks.collected(by_columns[ranks.span(3)], 3)
    assert found.mT.is_contiguous() and torch.equal(found, by_columns if ranks.leads else by_columns[1:])


def goes_on_with_the_same_bits(ranks: Ranks) -> None:
    """From the state that the leading rank writes, halfway; and in one process from the same state nearly so."""
    words = ["experts.count=3", "gate=top_k", "k=2", "gate/score=linear", "trainer.dispatch=sparse"]

    def begun(among_: Ranks | None) -> Loop:
        with among(among_):
            learner = build_learner(compose(words), (1, 4, 4), 4, 0)
        return loop_of(learner, Trainer(epochs=4, batch_size=33), data(torch.float32))

    unbroken, second, alone = begun(ranks), begun(ranks), begun(None)
    for _ in range(2):
        unbroken.epoch()
    said = [unbroken.state_dict()]
    dist.broadcast_object_list(said, src=0)
    for loop in (second, alone):
        loop.load_state_dict(copy.deepcopy(said[0]))
    for loop in (unbroken, second, alone):
        loop.epoch()
    ours, theirs, whole = (dict(loop.learner.named_parameters()) for loop in (unbroken, second, alone))
    for name, parameter in ours.items():
        assert torch.equal(parameter, theirs[name]), name
        own = whole[name][ranks.span(3)] if "experts" in name else whole[name]
        torch.testing.assert_close(parameter, own, rtol=1e-5, atol=1e-7)
    assert unbroken.state.records[0].history == second.state.records[0].history


def holds_its_share(ranks: Ranks) -> None:
    """Of three experts the first rank has one and the second two: their numbers, and two of Adam for each; of one
    process it would be all three. An expert of 16 inputs, 4 hidden features, 4 classes has 16 * 4 + 4 + 4 * 4 + 4."""
    words = ["experts.count=3", "experts.hidden=4", "gate=top_k", "k=2", "trainer.dispatch=sparse"]
    with among(ranks):
        learner = build_learner(compose(words), (1, 4, 4), 4, 0)
    loop = loop_of(learner, Trainer(epochs=1, batch_size=33), data(torch.float32))
    loop.epoch()
    names = [name for name, _ in learner.named_parameters()]
    of_experts = [index for index, name in enumerate(names) if "experts" in name]
    state = loop._optimizer.state_dict()["state"]
    held = sum(parameter.numel() for index, parameter in enumerate(learner.parameters()) if index in of_experts)
    of_adam = sum(one.numel() for index in of_experts for one in state[index].values() if one.numel() > 1)
    own = [1, 2][ranks.rank]
    assert (held, of_adam) == (own * 88, own * 2 * 88)


def takes_statistics_by_rank(ranks: Ranks) -> None:
    """Importance of a batch of 5, two of them on the first rank: 2/5 of its value there, 3/5 of that of the others."""
    ranks.by_rank = True
    words = ["experts.count=3", "gate=top_k", "k=2", "trainer.dispatch=sparse", "regularizer=[importance]"]
    x_BD = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    values = [_importance(_learner(words, None), x_BD[part]) for part in (slice(0, 2), slice(2, 5))]
    found = _importance(_learner(words, ranks), x_BD)
    torch.testing.assert_close(found, 2 / 5 * values[0] + 3 / 5 * values[1])
    whole = _importance(_learner(words, None), x_BD)
    assert (found - whole).abs() > 1e-3


def _learner(words: list[str], ranks: Ranks | None) -> MixtureLearner:
    with among(ranks):
        return build_learner(compose(words), (4,), 2, 0)


def _importance(learner: MixtureLearner, x_BD: torch.Tensor) -> torch.Tensor:
    noise, y_B = Noise([generator(0, "noise")]), torch.zeros(len(x_BD), dtype=torch.long)
    output = learner.train()(x_BD, noise)
    return learner.losses(learner.step(x_BD, y_B, output, noise))[1].raw["importance"].detach()


CASES = {one.__name__: one for one in (
    gathers, splits, shares, exchanges, counts, agrees, collects, goes_on_with_the_same_bits, holds_its_share,
    takes_statistics_by_rank,
)}  # fmt: skip
