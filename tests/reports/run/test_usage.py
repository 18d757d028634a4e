import pytest

from moe_lab.reports.run.usage import usage_bands


def row(epoch):
    return {"epoch": epoch, "usage_share_0": 0.25, "usage_share_1": 0.75}


@pytest.mark.parametrize("epochs", [1, 3])
def test_usage_bands_keep_the_shares(epochs):
    picture = usage_bands([row(epoch) for epoch in range(1, epochs + 1)])
    assert picture.rows[-1] == {"epoch": epochs, "usage_share_0": 0.25, "usage_share_1": 0.75}
    assert picture.alt.endswith("expert 0 25 %, expert 1 75 %.")
