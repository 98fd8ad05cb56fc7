"""How a convolution takes its patches, as torch.nn.Conv2d does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

Size = int | tuple[int, int]
PADDED: dict[str, Callable[[int, int], int]] = {  # the place in a line of this size that a place beyond it repeats
    "circular": lambda place, size: place % size,
    "reflect": lambda place, size: size - 1 - abs(size - 1 - abs(place)),
    "replicate": lambda place, size: min(max(place, 0), size - 1),
}
MODES = ("zeros", *PADDED)


def pair(size: Size) -> tuple[int, int]:
    """Rows and columns of a size."""
    rows, columns = (size, size) if isinstance(size, int) else size
    return rows, columns


@dataclass(frozen=True)
class Patches:
    """Kernel, stride, padding (numbers, valid or same), dilation, groups and what is padded with."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] | str = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    mode: str = "zeros"

    def check(self, inputs: int, outputs: int) -> None:
        """Raises:
        ValueError: channels that do not divide into the groups, an unknown padding, or same with a stride.
        """
        if self.groups < 1 or inputs % self.groups or outputs % self.groups:
            raise ValueError(
                f"groups = {self.groups}: it must divide in_channels = {inputs} and out_channels = {outputs}"
            )
        if self.mode not in MODES:
            raise ValueError(f"padding_mode = {self.mode!r}: use {', '.join(MODES)}")
        if isinstance(self.padding, str) and self.padding not in ("valid", "same"):
            raise ValueError(f"padding = {self.padding!r}: use valid, same or numbers")
        if self.padding == "same" and self.stride != (1, 1):
            raise ValueError(f"padding = 'same' with stride = {self.stride}: sizes stay the same at stride 1 alone; "
                             "give numbers")  # fmt: skip

    @property
    def borders(self) -> list[int]:
        """Left, right, top, bottom."""
        if self.padding == "valid":
            return [0, 0, 0, 0]
        if isinstance(self.padding, str):
            totals = [step * (size - 1) for step, size in zip(self.dilation, self.kernel, strict=True)]
            return [side for total in reversed(totals) for side in (total // 2, total - total // 2)]
        rows, columns = self.padding
        return [columns, columns, rows, rows]

    def convolved(self, images: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
        """Images (..., channels, rows, columns) by weights (out, in / groups, *kernel)."""
        given: dict[str, Any] = {"stride": self.stride, "dilation": self.dilation, "groups": self.groups}
        if self.mode == "zeros":
            return conv2d(images, weights, bias, padding=self.padding, **given)
        return conv2d(pad(images, self.borders, self.mode), weights, bias, **given)

    def repeated(self, spread: Tensor, weights: Tensor) -> Tensor | float:
        """What a neuron that a patch sees more than once, by padding, adds to the variance of the field.

        spread: (..., channels, rows, columns), variances of neurons. Two taps k, l on one neuron add 2 M_k M_l of it.
        """
        total: Tensor | float = 0.0
        if self.mode == "zeros":
            return total
        for met, taps in _repeats(self, (spread.shape[-2], spread.shape[-1])):
            kernel = torch.zeros_like(weights)
            for (a, b), (c, d) in taps:
                kernel[..., a, b] += 2 * weights[..., a, b] * weights[..., c, d]
            total = total + self.convolved(spread, kernel) * torch.tensor(met).to(spread)
        return total

    def __str__(self) -> str:
        shown = f"kernel_size={self.kernel}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}"
        shown += "" if self.groups == 1 else f", groups={self.groups}"
        return shown if self.mode == "zeros" else f"{shown}, padding_mode={self.mode!r}"


Met = tuple[tuple[bool, ...], ...]  # (rows, columns) of the patches
Taps = tuple[tuple[int, int], tuple[int, int]]


@lru_cache(maxsize=64)
def _repeats(patches: Patches, size: tuple[int, int]) -> tuple[tuple[Met, tuple[Taps, ...]], ...]:
    """Pairs of taps on one neuron of an image of this size, by the patches where they are."""
    borders, kernel = patches.borders, patches.kernel
    steps = zip(size, (borders[2:], borders[:2]), kernel, patches.stride, patches.dilation, strict=True)
    rows, columns = (_sources(patches.mode, *each) for each in steps)
    found: dict[Met, list[Taps]] = {}
    for first, second in combinations(product(*map(range, kernel)), 2):
        down, across = ([one == other for one, other in zip(of[tap], of[twin], strict=True)]
                        for of, tap, twin in zip((rows, columns), first, second, strict=True))  # fmt: skip
        if any(down) and any(across):
            met = tuple(tuple(one and other for other in across) for one in down)
            found.setdefault(met, []).append(((first[0], first[1]), (second[0], second[1])))
    return tuple((met, tuple(taps)) for met, taps in found.items())


def _sources(mode: str, size: int, borders: list[int], kernel: int, stride: int, dilation: int) -> list[list[int]]:
    """Where in a line of this size each tap of the kernel is, patch by patch."""
    line = [PADDED[mode](place, size) for place in range(-borders[0], size + borders[1])]
    patches = (len(line) - dilation * (kernel - 1) - 1) // stride + 1
    return [line[tap * dilation :][: patches * stride : stride] for tap in range(kernel)]
