"""Signs as packed bits, 64 to a word, and their products by XOR and popcount, which are exact.

>>> states, weights = np.array([[1, -1, 1]]), np.array([[1, 1, 1], [-1, 1, 0]])
>>> SignBits.of(weights).times(packed(states))
array([[ 1, -2]], dtype=int32)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
BITS, BYTES = 64, 8  # of a word


def packed(signs: NDArray[Any]) -> Words:
    """Bits of signs (rows, n), 1 for those above 0: (rows, words), the last word filled up with 0."""
    rows, inputs = signs.shape
    octets = np.zeros((rows, -(-inputs // BITS) * BYTES), np.uint8)
    octets[:, : -(-inputs // BYTES)] = np.packbits(signs > 0, axis=1)
    return octets.view(np.uint64)


@dataclass(frozen=True, eq=False)
class SignBits:
    """Weights (neurons, inputs) in {-1, 1}, or {-1, 0, 1}: a bit for each sign, and whether it counts if some do not.

    signs, counted: (words, neurons), so that words of neurons side by side are taken at once. terms: how many inputs a
    neuron counts, (neurons,).
    """

    signs: Words
    counted: Words | None
    terms: NDArray[np.int32]

    @classmethod
    def of(cls, weights: NDArray[Any]) -> SignBits:
        """Raises:
        ValueError: other weights.
        """
        if not np.isin(weights, (-1, 0, 1)).all():
            raise ValueError("weights other than -1, 0 and 1 have no bits; keep them as numbers")
        counted = None if weights.all() else np.ascontiguousarray(packed(weights != 0).T)
        terms = np.count_nonzero(weights, axis=1).astype(np.int32)
        return cls(np.ascontiguousarray(packed(weights).T), counted, terms)

    def times(self, states: Words) -> NDArray[np.int32]:
        """sum_j w_ij x_j of packed signs (rows, words), (rows, neurons): the terms less twice those that differ."""
        differ = self.signs ^ states[:, :, None]
        if self.counted is not None:
            differ &= self.counted
        counts: NDArray[np.int32] = np.add.reduce(np.bitwise_count(differ), 1, dtype=np.int32)
        return self.terms - 2 * counts
