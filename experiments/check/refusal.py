"""What is refused, in one line with its remedy."""

from __future__ import annotations

from meanbits.theory.errors import shown

REASON = 200  # characters of an exception's text


class CheckError(ValueError):
    """A model, a batch or labels that cannot be checked."""


def reason(error: BaseException) -> str:
    """The type of an exception and its first line, for a message."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {shown(lines[0] if lines else 'no message', REASON)}"
