import torch

from moe_lab.parts.gates.score.hash import Hash, Random


def test_a_new_draw_at_every_training_step(sizes, draw, noise):
    score, x = Random(sizes()), draw(2000, 12)
    first, second = score(x, None, noise), score(x, None, noise)
    assert not torch.equal(first, second)
    # independent uniform numbers: nothing of the one is seen in the other
    assert torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1].abs() < 0.04
    assert (first.argmax(-1).bincount(minlength=5) / 2000 - 0.2).abs().max() < 0.04


def test_fixed_for_each_input_at_test(sizes, draw, noise):
    score, x = Random(sizes()).eval(), draw(7, 12)
    order = torch.tensor([6, 2, 0, 5, 1, 3, 4])
    scores = score(x, None, noise)
    assert torch.equal(score(x[order], None, noise), scores[order])
    plain = Hash(sizes())
    plain.load_state_dict(score.state_dict())
    assert torch.equal(plain(x, None, noise), scores)
