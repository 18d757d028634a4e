"""A sweeper that plans every combination of values."""

from collections.abc import Sequence
from pathlib import Path

from moe_lab.sweeps.plan import Follow, plan, silently
from moe_lab.sweeps.sweeper import Plans, Sweeper


class Grid(Sweeper):
    """Every combination of the overrides' values."""

    def plans(
        self,
        words: Sequence[str],
        config_dir: Path | None,
        plugins: Sequence[str],
        *,
        strict: bool = False,
        follow: Follow = silently,
    ) -> Plans:
        yield plan(words, config_dir, plugins, strict=strict, follow=follow)
        return ""
