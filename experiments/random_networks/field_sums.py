"""Sums of states under random signs, by the method of Four Russians: a byte is eight signs, and picks a partial sum.

For every eight inputs a table holds the 256 sums their signs can give, so that a thousand signs cost 125 additions.
Source: Arlazarov, Dinic, Kronrod, Faradzhev 1970, Soviet Math. Dokl. 11, 1209.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meanbits.experiments.random_networks.devices import Device

Array = NDArray[np.float64]
Octets = NDArray[np.uint8]  # (groups, neurons): bit k of entry (g, i) is 1 where input 8 g + k has sign +1 at neuron i

BYTE, VALUES = 8, 256
BLOCK = 2**17  # octets, or weights, at a time: what is made of them stays in the cache of a core


def groups_of(inputs: int) -> int:
    """The number of bytes that hold one sign an input."""
    return -(-inputs // BYTE)


def blocks(neurons: int, width: int) -> Iterator[slice]:
    """Slices of the neurons whose `width` entries each make a block, or a single neuron where that is too wide."""
    rows = max(1, BLOCK // width)
    return (slice(start, min(start + rows, neurons)) for start in range(0, neurons, rows))


def random_bytes(count: int, rng: np.random.Generator) -> Octets:
    """Independent uniform bytes, (count,)."""
    words = rng.integers(0, 2**64, -(-count // BYTE), dtype=np.uint64)
    return words.astype("<u8", copy=False).view(np.uint8)[:count]


def fair_octets(inputs: int, neurons: int, rng: np.random.Generator) -> Octets:
    """Signs of equal odds, (groups, neurons), one random bit each."""
    groups = groups_of(inputs)
    return random_bytes(groups * neurons, rng).reshape(groups, neurons)


def biased_octets(probability: Array | float, inputs: int, neurons: int, rng: np.random.Generator) -> Octets:
    """Signs that are +1 with this probability, a number or (neurons, inputs), packed to (groups, neurons).

    A random byte is the first digit of a uniform number in base 256; where it ties with that of the probability, a
    second draw of 53 bits decides.
    """
    shape = (neurons, inputs)
    scaled = np.asarray(probability) * VALUES
    digit = np.minimum(scaled, VALUES - 1).astype(np.uint8)
    drawn = random_bytes(neurons * inputs, rng).reshape(shape)
    below = drawn < digit
    ties = np.flatnonzero(drawn == digit)
    rest = np.broadcast_to(scaled - digit, shape).reshape(-1)[ties] if scaled.ndim else scaled - digit
    below.reshape(-1)[ties] = rng.random(ties.size) < rest
    return np.ascontiguousarray(np.packbits(below, axis=1, bitorder="little").T)


def signs_of(octets: Octets, inputs: int) -> Array:
    """The signs, +1.0 and -1.0, (neurons, inputs)."""
    bits = np.unpackbits(octets.T, axis=1, count=inputs, bitorder="little")
    return 2.0 * bits - 1


def partial_sums(values: Any, device: Device) -> Any:
    """The tables, (groups, 256), of values, (inputs,), real or complex: entry (g, byte) sums the signed values of g."""
    xp = device.xp
    missing = -len(values) % BYTE
    if missing:
        values = xp.concat((values, device.array(np.zeros(missing))))
    halves = values.reshape(-1, 2, BYTE // 2)
    sums = -halves.sum(2)[:, :, None]
    for position in range(BYTE // 2):
        sums = xp.concat((sums, sums + 2 * halves[:, :, position, None]), 2)
    low, high = sums[:, 0], sums[:, 1]
    return (high[:, :, None] + low[:, None, :]).reshape(-1, VALUES)


def signed_sums(tables: Any, octets: Octets, device: Device) -> Any:
    """sum_j sign_ij value_j of every neuron i, (neurons,), from the tables of the values."""
    starts = VALUES * np.arange(len(octets))[:, None]
    return device.xp.take(tables, device.array(octets + starts)).sum(0)


def signed_rows(states: Any, octets: Iterable[Octets], device: Device) -> Any:
    """Sums of every row under the same signs, (even, inputs) -> (even, neurons); a pair of rows is a complex number."""
    xp = device.xp
    tables = [partial_sums(states[k] + 1j * states[k + 1], device) for k in range(0, len(states), 2)]
    sums = [[signed_sums(table, block, device) for table in tables] for block in octets]
    pairs = [parts[0] if len(parts) == 1 else xp.concat(parts) for parts in zip(*sums, strict=True)]
    return xp.stack([part for pair in pairs for part in (pair.real, pair.imag)])


def weighted_rows(states: Any, weights: Any, device: Device) -> Any:
    """Sums of every row under real weights, (rows, inputs) and (neurons, inputs) -> (rows, neurons)."""
    return device.xp.stack([device.xp.einsum("ij,j->i", weights, row) for row in states])
