"""The jobs of one arm of a study, and messages about words that make none."""

from collections.abc import Sequence
from pathlib import Path

from moe_lab.config.compose import parse
from moe_lab.config.sources import open_sources
from moe_lab.errors import ConfigError
from moe_lab.sweeps.plan import NoJobLeft, Plan, plan


def plan_of_arm(
    names: tuple[str, str],
    words: Sequence[str],
    extra: Sequence[str],
    seeds: Sequence[int],
    config_dir: Path | None,
    plugins: Sequence[str],
) -> Plan:
    """The jobs of an arm: its words and the user's ``extra``, over ``seeds``.

    ``names``: of the study and the arm. Raises ConfigError if a word cannot be used, and names the study's file and the
    arm unless the arm can be planned without ``extra``.
    """

    def jobs(more: Sequence[str]) -> Plan:
        for word in words:
            check_single(word)
        return plan([*words, *more, f"seed={','.join(map(str, seeds))}"], config_dir, plugins)

    try:
        return jobs(extra)
    except ConfigError as error:
        try:
            jobs(())
        except ConfigError:
            name, arm = names
            kind = NoJobLeft if isinstance(error, NoJobLeft) else ConfigError
            raise kind(f"{open_sources(config_dir).file('study', name)}: arm {arm}: {error}") from None
        raise


def check_single(word: str) -> None:
    """Raise ConfigError if a word stands for several values, as it would in a sweep."""
    if parse(word).holds_several:
        raise ConfigError(f"{word}: a study has one value of each word: write one of them")
