"""What docs/parallel.md says is refused is refused, for the reason that it gives."""

import re
from pathlib import Path

import pytest

from moe_lab.errors import ConfigError
from moe_lab.experiment.job import prepare

PAGE = (Path(__file__).parents[2] / "docs" / "parallel.md").read_text()
REFUSED = re.findall(r"^\| `(\S+)` \| (.*?) \|$", PAGE, re.MULTILINE)
COMMANDS = re.findall(r"^(?:moe-lab|.*-m moe_lab) train (?!--resume)(.*?)(?: --runs .*)?$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("word", "reason"), REFUSED)
def test_what_is_refused(word, reason):
    words = {one.partition("=")[0]: one for one in ("parallel=experts", "gate=top_k", "k=2")}
    with pytest.raises(ConfigError) as error:
        prepare(list((words | {word.partition("=")[0]: word}).values()))
    assert reason in str(error.value)


@pytest.mark.parametrize("words", COMMANDS)
def test_its_commands_can_be_trained(words):
    assert prepare(words.split()).config["parallel"]["processes"] == (4 if "parallel.processes=4" in words else 2)


def test_the_page_has_them():
    assert len(REFUSED) == 9 and len(COMMANDS) == 5
