import torch

from moe_lab.layers.patches import patches


def test_patches_stand_in_rows_from_the_top_left():
    """Two channels of 4 x 6 with patches of 2 x 2; numbers count through."""
    x = torch.arange(2 * 48.0).view(2, 48)
    found = patches(x, (2, 4, 6), 2)
    assert found.shape == (2, 6, 8)
    # rows 0 and 1, columns 2 and 3 of each channel; a channel has 24 numbers, a row 6
    assert found[0, 1].tolist() == [2, 3, 8, 9, 26, 27, 32, 33]
    # rows 2 and 3, columns 0 and 1 of the second image
    assert found[1, 3].tolist() == [60, 61, 66, 67, 84, 85, 90, 91]


def test_leading_axes_are_kept():
    x = torch.randn(3, 5, 48)
    assert torch.equal(patches(x, (2, 4, 6), 2)[1], patches(x[1], (2, 4, 6), 2))
