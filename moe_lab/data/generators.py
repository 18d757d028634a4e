"""NumPy random numbers from named bit generators."""

import hashlib

import numpy as np


def bit_generator(seed: int, name: str) -> np.random.PCG64:
    """The PCG64 of (seed, name): draws of one name do not affect those of another."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return np.random.PCG64(int.from_bytes(digest, "big"))
