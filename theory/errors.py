"""What is raised when a declaration or a formula cannot be used: one line with the object, the value and the remedy."""

from __future__ import annotations


class SurrogateError(ValueError):
    """A declaration, or a combination of parts, that makes no sense, with the reason."""


class FormulaError(SurrogateError):
    """A formula outside the grammar or outside the conditions on it."""
