"""Models as people write them, for the tests of `check`: faults that are known, and parts that are not in torch.nn."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

import meanbits as mb

WIDTH, INPUTS, CLASSES = 96, 64, 10


class SignFunction(torch.autograd.Function):
    """A sign with the slope of a clip, as a function with a backward of its own."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() < 1)


class Binarise(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return SignFunction.apply(x)


class DetachedSign(nn.Module):
    """The same by what is detached."""

    def forward(self, x: Tensor) -> Tensor:
        clipped = x.clamp(-1, 1)
        return clipped + (torch.where(x >= 0, 1.0, -1.0) - clipped).detach()


class SquaredRelu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x) ** 2


class BinaryWeights(nn.Module):
    """Signs of latent weights, over the root of their number."""

    def __init__(self, inputs: int, outputs: int, size: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(size * torch.randn(outputs, inputs))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, SignFunction.apply(self.weight) / self.weight.shape[1] ** 0.5)


class Scaled(nn.Module):
    """x + alpha F(x), alpha a parameter."""

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.norm, self.dense = nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, WIDTH)
        self.alpha = nn.Parameter(torch.tensor(alpha))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.alpha * self.dense(torch.tanh(self.norm(x)))


class ZeroNorm(nn.Module):
    """x + norm(F(x)) with a gain of 0, as residual networks are often started."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.norm = nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.norm(self.dense(x)))


def deep(count: int, *parts: type[nn.Module] | object) -> nn.Sequential:
    """`count` times the parts, each built anew, and weights behind them."""
    hidden = [layer for _ in range(count) for layer in (*(part() for part in parts), nn.Linear(WIDTH, WIDTH))]
    return nn.Sequential(nn.Linear(INPUTS, WIDTH), *hidden, nn.Linear(WIDTH, CLASSES))


def norm() -> nn.Module:
    return nn.BatchNorm1d(WIDTH)


def squared_before_sign() -> nn.Module:
    return deep(2, SquaredRelu, Binarise)


def never_flipping() -> nn.Module:
    return nn.Sequential(nn.Linear(INPUTS, WIDTH), norm(), Binarise(), BinaryWeights(WIDTH, WIDTH, 100.0), norm(),
                         Binarise(), nn.Linear(WIDTH, CLASSES))  # fmt: skip


def skips_of_zero() -> nn.Module:
    return nn.Sequential(nn.Linear(INPUTS, WIDTH), Scaled(0.0), Scaled(0.0), nn.Linear(WIDTH, CLASSES))


def norms_of_zero() -> nn.Module:
    return nn.Sequential(nn.Linear(INPUTS, WIDTH), ZeroNorm(), ZeroNorm(), nn.Linear(WIDTH, CLASSES))


def means() -> nn.Module:
    return nn.Sequential(mb.BinaryLinear(INPUTS, WIDTH), mb.BinaryLinear(WIDTH, WIDTH), nn.Linear(WIDTH, CLASSES))


def inputs(count: int = 64, seed: int = 1) -> Tensor:
    return torch.rand(count, INPUTS, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def labels(count: int = 64, seed: int = 2) -> Tensor:
    return torch.randint(0, CLASSES, (count,), generator=torch.Generator().manual_seed(seed))
