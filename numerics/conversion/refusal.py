"""What cannot be converted."""

from __future__ import annotations


class ConversionError(ValueError):
    """A model that cannot be converted; one line that names the part and the remedy."""
