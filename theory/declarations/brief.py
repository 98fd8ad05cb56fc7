"""Declarations in a line: what a person reads where Python prints one."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from meanbits.theory.printed import shortened

LONGEST = 80  # characters of a formula


class Brief:
    """A frozen dataclass whose repr fits a line: its name, what differs from the defaults, and parts by their names."""

    def __repr__(self) -> str:
        name, *others = (each for each in fields(self) if each.repr)  # type: ignore[arg-type]
        given = {each.name: getattr(self, each.name) for each in others if _is_told(self, each)}
        told = (repr(getattr(self, name.name)), *(f"{key}={_told(value)}" for key, value in given.items()))
        return f"{type(self).__name__}({', '.join(told)})"


def _is_told(declaration: Any, field: Any) -> bool:
    return field.default is MISSING or getattr(declaration, field.name) != field.default


def _told(value: Any) -> str:
    return shortened(value.name if isinstance(value, Brief) else value, LONGEST)  # type: ignore[attr-defined]
