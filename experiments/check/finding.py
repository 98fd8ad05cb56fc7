"""What a check finds wrong: where, why, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A cause by its short name, at the module where it begins; why, in numbers; what to change, and as code."""

    name: str
    layer: str
    why: str
    remedy: str
    code: str

    @property
    def cause(self) -> str:
        """Name and reason in a sentence."""
        return f"{self.name}: {self.why}"
