"""A toy lab in place of moe_lab's own parts and conf/, so that these tests hold whatever parts there are."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from moe_lab.config import differences, sources, targets

TOYS = Path(__file__).parent / "toys"


@pytest.fixture
def toy_lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the toy's conf/."""
    monkeypatch.syspath_prepend(TOYS)
    monkeypatch.setattr(targets, "PACKAGES", ("toy_lab.gates", "toy_lab.regularizers", "toy_lab.data"))
    monkeypatch.setattr(sources, "BUILT_IN", TOYS / "conf")
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    differences._composed.cache_clear()
    yield TOYS / "conf"
    differences._composed.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy_lab"]:
        del sys.modules[name]
