"""Random choices that depend on content alone, so that they are the same in every order of arrival."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.records import FloatArray

DECIMALS = 6


def content_hash(X: FloatArray) -> NDArray[np.uint64]:
    """(n, d) points -> (n,) hashes of their coordinates rounded to `DECIMALS`."""
    rounded = np.ascontiguousarray(np.round(X, DECIMALS) + 0.0)
    digests = b"".join(hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rounded)
    return np.frombuffer(digests, dtype=np.uint64).copy()


def mixed(h: NDArray[np.uint64], number: Any) -> NDArray[np.uint64]:
    """Hash of (h, number), elementwise (the finaliser of SplitMix64)."""
    z = h ^ (np.asarray(number).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
