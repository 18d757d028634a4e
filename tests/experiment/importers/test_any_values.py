"""Whatever value stands at whatever place of a file, whichever bytes are changed: the end is a trace or one line."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moe_lab.errors import UserError
from moe_lab.experiment.importers.found import Asked
from moe_lab.experiment.importers.importing import import_trace
from tests.experiment.importers.files import LAYERS, MADE

JSON = [case for case, (name, _, _) in MADE.items() if name in ("vllm", "sglang", "megatron", "olmoe")]
#: odd values of every kind that JSON has
ODD = st.sampled_from(
    [None, True, -1, 0, 7, 2**31, 2**63, 10**19, 0.5, "", "x", "int32", "AAAA", [], {}, [[]], [[[]]], [[[1]]], [1, [2]]]
    + [[None], [{}], {"routed_experts": None}, {"a": 1}, ["a"], [10**19], [[[10**19]]]]
)
SLOW_FILES = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def places(value, path=()):
    yield path
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(one, (*path, key))


def changed(value, path, odd):
    if not path:
        return odd
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], odd)
    return copy


def ends_well(paths, form, asked, documents=None):
    try:
        import_trace(paths, form, asked=Asked(**asked), documents=documents)
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 600


@pytest.mark.parametrize("case", JSON)
@SLOW_FILES
@given(data=st.data())
def test_any_value_at_any_place(tmp_path, case, data):
    name, make, asked = MADE[case]
    path = make(tmp_path)
    lines = path.read_text()
    records = json.loads(lines) if case == "vllm, base64" else [json.loads(line) for line in lines.splitlines()]
    where = data.draw(st.sampled_from([*places(records)]))
    odd = changed(records, where, data.draw(ODD))
    path.write_text("\n".join(map(json.dumps, odd)) if isinstance(odd, list) else json.dumps(odd))
    np.save(tmp_path / "documents.npy", np.arange(5))
    ends_well([path], data.draw(st.sampled_from([name, None])), asked)
    ends_well([path], name, asked, tmp_path / "documents.npy")


def arrays(folder: Path) -> Path:
    np.savez(folder / "a.npz", **LAYERS, documents=np.array(["a", "b", "c", "d", "e"]))
    return folder / "a.npz"


def logits(folder: Path) -> Path:
    np.savez(folder / "b.npz", one=np.ones((4, 3), dtype=np.float32), input_ids=np.ones((2, 2), dtype=np.int64))
    return folder / "b.npz"


def one_array(folder: Path) -> Path:
    np.save(folder / "c.npy", LAYERS["layer1"][:, None])
    return folder / "c.npy"


@pytest.mark.parametrize(("make", "asked"), [(arrays, {"experts": 4}), (logits, {"k": 1}), (one_array, {"experts": 4})])
@SLOW_FILES
@given(data=st.data())
def test_any_bytes(tmp_path, make, asked, data):
    """Some bytes replaced, and the end cut off."""
    path = make(tmp_path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    np.save(tmp_path / "documents.npy", np.arange(5))
    ends_well([path], None, asked, tmp_path / "documents.npy")


@SLOW_FILES
@given(text=st.text(st.characters(codec="utf-8"), max_size=30) | st.text('0123456789,"\n layerxp', max_size=30))
def test_any_text(tmp_path, text):
    (tmp_path / "a").write_text(text)
    ends_well([tmp_path / "a"], "llama_cpp", {"experts": 4, "k": 1})
    ends_well([tmp_path / "a"], None, {"experts": 4})
    (tmp_path / "b").write_text("[[[1]]]")
    try:
        import_trace([tmp_path / "b"], asked=Asked(experts=4), labels=tmp_path / "a")
    except UserError as error:
        assert "\n" not in str(error)
