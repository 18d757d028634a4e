import pytest
import torch
from torch import nn

from moe_lab.errors import ConfigError
from moe_lab.parts.networks.conv import Conv


@pytest.mark.parametrize("at_test", [False, True])
def test_it_is_the_plain_network(sizes, draw, at_test):
    """Against torch's own layers with the same parameters, in training and at test."""
    options = {"filters": (2, 3), "padding": 1, "batch_norm": (1,), "hidden": (8, 6)}
    body = Conv(sizes(shape=(1, 8, 8)), **options, batch_statistics_at_test=at_test)
    plain = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 6),
    )  # fmt: skip
    convolutions, dense = [plain[0], plain[3]], [plain[8], plain[10]]
    for ours, theirs in zip(body.convolutions, convolutions, strict=True):
        theirs.weight.data = ours.weight_OIKK.data
        if ours.bias_O is not None:
            theirs.bias.data = ours.bias_O.data
    for ours, theirs in zip(body.layers.layers, dense, strict=True):
        theirs.weight.data, theirs.bias.data = ours.weight_IO.data.T, ours.bias_1O.data[0]
    x = draw(7, 64) + 1
    torch.testing.assert_close(body(x), plain(x.reshape(7, 1, 8, 8)))
    body.eval()
    plain.eval()
    plain[4].train(at_test)
    torch.testing.assert_close(body(x), plain(x.reshape(7, 1, 8, 8)))


def test_features_are_no_images(sizes):
    with pytest.raises(ConfigError, match="needs images"):
        Conv(sizes(shape=(12,)))
    with pytest.raises(ConfigError, match="leave nothing of 8 pixels"):
        Conv(sizes(shape=(1, 8, 8)), filters=(2, 2, 2))


def test_a_normalization_beyond_the_convolutions_is_refused(sizes):
    with pytest.raises(ConfigError, match="batch_norm=\\[2\\]"):
        Conv(sizes(shape=(1, 8, 8)), filters=(2, 2), padding=1, batch_norm=(0, 2))
