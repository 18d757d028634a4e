"""NumPy's random numbers, each from a bit generator that is named."""

import hashlib

import numpy as np


def bit_generator(seed: int, name: str) -> np.random.PCG64:
    """The PCG64 that (seed, name) names: what one name draws shifts nothing that another draws."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return np.random.PCG64(int.from_bytes(digest, "big"))
