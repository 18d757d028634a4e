"""Configs for tests of parts, composed quickly: for most of these tests Hydra takes longer than all the rest."""

from functools import cache

from moe_lab.config.explain import Config
from moe_lab.config.many import Composer

_composer = cache(Composer)


@cache
def composed(*words: str) -> Config:
    """The same as ``compose(words)``, as tests/sweeps/test_plan.py tests. Nobody writes into it, for it is shared."""
    composer = _composer()
    return composer.compose([composer.word(word) for word in words])[0]
