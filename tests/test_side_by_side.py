"""Work side by side: results in order whatever begins first."""

from __future__ import annotations

from pathlib import Path

import pytest

from meanbits.experiments import side_by_side as module

HANDED: list[int] = []  # numbers in the order they are handed to other processes


class Item:
    """A number that notes when it leaves."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[type[Item], tuple[int]]:
        HANDED.append(self.number)
        return Item, (self.number,)


def squared(item: Item) -> int:
    return item.number**2


def read(path: Path) -> str:
    return path.read_text()


@pytest.mark.parametrize("cores", [1, 2])
def test_results_are_in_order_and_what_is_long_begins_first(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CORES", cores)
    HANDED.clear()
    found = list(module.side_by_side(squared, map(Item, range(5)), lambda item: item.number == 3))
    assert found == [0, 1, 4, 9, 16]
    assert HANDED == [] if cores == 1 else HANDED[0] == 3


def test_errors_come_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CORES", 2)
    with pytest.raises(FileNotFoundError):
        list(module.side_by_side(read, [tmp_path / "nowhere", tmp_path / "nowhere else"]))
