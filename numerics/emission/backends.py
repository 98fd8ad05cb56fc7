"""NumPy and Torch as backends."""

from __future__ import annotations

from meanbits.numerics.blocks import in_blocks
from meanbits.numerics.emission.backend import ArrayBackend, Backend
from meanbits.numerics.emission.conventions import IN_NUMPY, IN_TORCH
from meanbits.numerics.emission.slopes_writer import SlopesWriter

NUMPY = ArrayBackend(**vars(IN_NUMPY), gives_arrays=True, wrap=in_blocks)
TORCH = ArrayBackend(**vars(IN_TORCH), writer=SlopesWriter)
BACKENDS: tuple[Backend, ...] = (NUMPY, TORCH)
