"""Work side by side: results in order whatever begins first."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from meanbits.experiments import side_by_side as module


def worked(item: tuple[int, Path]) -> int:
    number, folder = item
    (folder / str(number)).write_text(str(time.monotonic_ns()))
    time.sleep(0.3 if number == 3 else 0)
    return number**2


def is_long(item: tuple[int, Path]) -> bool:
    return item[0] == 3


@pytest.mark.parametrize("cores", [1, 2])
def test_results_are_in_order_and_what_is_long_begins_first(
    cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CORES", cores)
    found = list(module.side_by_side(worked, [(k, tmp_path) for k in range(5)], is_long))
    assert found == [0, 1, 4, 9, 16]
    begun = sorted(range(5), key=lambda k: int((tmp_path / str(k)).read_text()))
    assert 3 in begun[:2] if cores > 1 else begun == [*range(5)]


def test_errors_come_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CORES", 2)
    with pytest.raises(FileNotFoundError):
        list(module.side_by_side(worked, [(0, tmp_path), (1, tmp_path / "nowhere")]))
