"""What is raised when a formula cannot be used, with the reason."""

from __future__ import annotations


class FormulaError(ValueError):
    """A user formula outside the grammar or outside the conditions on it."""
