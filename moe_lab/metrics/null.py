"""What mutual information comes to by chance alone: tables with the same margins, and nothing in common.

Permuting the classes of the samples at random leaves both margins as they are and makes every cell hypergeometric given
those before it. The tables are drawn so, cell by cell and all of them at once; the number of samples costs nothing.
"""

from functools import lru_cache

import numpy as np

from moe_lab.metrics.formulas import entropy_bits

#: permutations; the smallest p-value is 1 / (PERMUTATIONS + 1)
PERMUTATIONS = 199


def named_generator(name: str) -> np.random.Generator:
    """Random numbers that follow from a name alone."""
    return np.random.default_rng(list(name.encode()))


def random_tables(rows_E: np.ndarray, columns_C: np.ndarray, draws: int, generator: np.random.Generator) -> np.ndarray:
    """Tables ``[draws, E, C]`` of counts with these margins, as independent samples fall into them.

    W. M. Patefield, An efficient method of generating random R x C tables, 1981, by its sequence of conditional
    distributions: cell (e, c) is hypergeometric given the rows above it and the cells to its left.

    Args:
        rows_E, columns_C: whole numbers of equal sums.
    """
    tables = np.zeros((draws, len(rows_E), len(columns_C)), dtype=np.int64)
    left_DC = np.tile(columns_C, (draws, 1))
    for e, row in enumerate(rows_E):
        to_place_D = np.full(draws, row)
        for c in range(len(columns_C)):
            others_D = left_DC[:, c + 1 :].sum(1)
            tables[:, e, c] = generator.hypergeometric(left_DC[:, c], others_D, to_place_D)
            to_place_D -= tables[:, e, c]
        left_DC -= tables[:, e]
    return tables


def null_bits(counts_EC: np.ndarray, name: str) -> np.ndarray:
    """Plug-in I(E;C) in bits of PERMUTATIONS permutations of the samples of a table of counts, in rising order.

    It depends on the margins and the name alone, and not on the order of experts or classes.
    """
    margins = (counts_EC.sum(1), counts_EC.sum(0))
    return _null_bits(*(tuple(sorted(filter(None, counts.tolist()), reverse=True)) for counts in margins), name)


@lru_cache(maxsize=64)
def _null_bits(rows: tuple[int, ...], columns: tuple[int, ...], name: str) -> np.ndarray:
    margins = np.array(rows), np.array(columns)
    tables = random_tables(*margins, PERMUTATIONS, named_generator(name))
    joint_bits = entropy_bits(tables.reshape(PERMUTATIONS, -1))
    return np.sort(entropy_bits(margins[0]) + entropy_bits(margins[1]) - joint_bits).clip(min=0)
