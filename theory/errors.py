"""What is raised when a declaration or a formula cannot be used, and how text from outside is shown."""

from __future__ import annotations

SHOWN, QUOTED = 60, 300


class SurrogateError(ValueError):
    """A declaration, or a combination of parts, that makes no sense: in one line, with the value and the remedy."""


class FormulaError(SurrogateError):
    """A formula outside the grammar or outside the conditions on it."""


def shown(text: object, limit: int = SHOWN) -> str:
    """Text for a message: one line of printable ASCII, all else escaped as Python does, cut to `limit` characters."""
    plain = str(text)
    cut = plain if len(plain) <= limit else f"{plain[: limit - 3]}..."
    return cut.encode("unicode_escape").decode("ascii")


def quoted(text: object) -> str:
    """Text for the inside of a double-quoted string of generated source; no text can end the string."""
    return shown(text, QUOTED).replace('"', '\\"')
