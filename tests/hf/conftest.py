import pytest

from moe_lab.data.vision import import_torchvision


@pytest.fixture(autouse=True)
def imports():
    pytest.importorskip("transformers", exc_type=ModuleNotFoundError)
    # its models import torchvision, which over a CPU-only torch has to be imported by this door first
    import_torchvision()
