"""A plan.json that somebody has made: whatever stands in it, a plan that is checked as words are, or one line."""

import copy
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_lab.errors import UserError, one_line
from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.plan import JOB_NAME

HOSTILE = [
    *(None, True, 0, -1, 1e308, math.nan, 10**30, "", "x", "1", "a" * 5000, [], [[]], {}, [1], ["a"], {"a": {"b": 1}}),
    *("../../x", "/etc/passwd", ".", "..", "a/b", "\x1b[2J", "\ud800", "${oc.env:HOME}", {"": None}),
    *({"_target_": "os.system"}, {"_target_": "moe_lab.parts.gates.uniform.Uniform"}, {"_target_": ["os.system"]}),
]


def places(node, path=()):
    """The path of every value of a JSON document."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield (*path, key)
        yield from places(value, (*path, key))


def change(content, path, value):
    """Another value at ``path``; none where ``value`` is ``...``."""
    node = content
    for key in path[:-1]:
        node = node[key]
    if value is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = value


@pytest.fixture(scope="module")
def stored(templates):
    return json.loads((templates / "sweep" / "plan.json").read_text())


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_plan_that_somebody_made_is_read_or_refused_in_one_line(stored, tmp_path_factory, data):
    content = copy.deepcopy(stored)
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from([path for path in places(content) if path[:2] != ("jobs", 1)]))
        change(content, path, copy.deepcopy(data.draw(st.sampled_from([..., *HOSTILE]))))
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "plan.json").write_text(json.dumps(content))
    try:
        made = SweepFolder(folder).read_plan()
    except UserError as error:
        line = one_line(str(error))
        assert line and line.isprintable()
    else:
        # what was read is a plan: each job's key is that of its own config, and its folder lies in the sweep's
        keys = {one["key"] for one in stored["jobs"]}
        assert {one.job.key for one in made.jobs} <= keys and all(JOB_NAME.fullmatch(one.name) for one in made.jobs)
    assert [path.name for path in folder.iterdir()] == ["plan.json"]


def test_a_config_of_a_plan_that_was_changed_has_another_key(stored, tmp_path):
    """Each number that decides: none can be changed behind the plan's back."""
    numbers = [path for path in places(stored["jobs"][0]["config"]) if isinstance(_at(stored, path), int | float)]
    assert len(numbers) > 15
    for path in numbers:
        content = copy.deepcopy(stored)
        value = _at(stored, path)
        change(content["jobs"][0]["config"], path, value + 1 if isinstance(value, int) else value / 2 + 0.01)
        (tmp_path / "plan.json").write_text(json.dumps(content))
        if path in UNDECIDING:
            SweepFolder(tmp_path).read_plan()
        else:
            with pytest.raises(UserError):
                SweepFolder(tmp_path).read_plan()


#: numbers of the default config that decide nothing of its result; of Adam, momentum is not read
UNDECIDING = [("trainer", "threads"), ("trainer", "checkpoint_seconds"), ("trainer", "momentum")]


def _at(stored, path):
    node = stored["jobs"][0]["config"]
    for key in path:
        node = node[key]
    return node
