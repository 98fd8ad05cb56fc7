"""Nothing is found in models that were trained well, each until it knows most digits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from checked_models import DetachedSign
from torch import Tensor, nn
from torch.nn import functional

import meanbits as mb
from meanbits.experiments.data import load

WIDTH, EPOCHS, ENOUGH = 96, 10, 0.85


class Images(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(-1, 1, 8, 8)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.first, self.second = nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.relu(self.first(functional.relu(self.norm(x)))))


class Transformer(nn.Module):
    """Rows of an image as tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.place = nn.Linear(8, 32), nn.Parameter(0.02 * torch.randn(8, 32))
        block = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True, norm_first=True, activation="gelu")
        self.blocks = nn.TransformerEncoder(block, 3, nn.LayerNorm(32), enable_nested_tensor=False)
        self.readout = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.blocks(self.embed(x.view(-1, 8, 8)) + self.place).mean(1))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(64, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 10))


def signs() -> nn.Module:
    hidden = [part for _ in range(3) for part in (nn.BatchNorm1d(WIDTH), DetachedSign(), nn.Linear(WIDTH, WIDTH))]
    return nn.Sequential(nn.Linear(64, WIDTH), *hidden, nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, 10))


def convolutions() -> nn.Module:
    return nn.Sequential(
        Images(), nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.Conv2d(16, 32, 3),
        nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip


def residual() -> nn.Module:
    return nn.Sequential(nn.Linear(64, WIDTH), *(Residual() for _ in range(5)), nn.BatchNorm1d(WIDTH), nn.ReLU(),
                         nn.Linear(WIDTH, 10))  # fmt: skip


def bits() -> nn.Module:
    return nn.Sequential(mb.BinaryLinear(64, WIDTH), mb.BinaryLinear(WIDTH, WIDTH), nn.Linear(WIDTH, 10))


def trained(build: Callable[[], nn.Module]) -> tuple[nn.Module, torch.optim.Optimizer, Tensor, Tensor]:
    """The model behind `EPOCHS` epochs of Adam."""
    torch.manual_seed(0)
    data, model = load("digits"), build()
    x, y = torch.tensor(data.train_images).float(), torch.tensor(data.train_labels)
    optimiser = torch.optim.Adam(model.parameters(), 4e-3)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(x)).split(64):
            optimiser.zero_grad()
            functional.cross_entropy(model(x[chosen]), y[chosen]).backward()
            optimiser.step()
            for module in model.modules():
                if isinstance(module, mb.BinaryLinear):
                    module.project_()
    held = torch.tensor(data.test_images).float()
    model.eval()
    with torch.no_grad():
        accuracy = float((model(held).argmax(1) == torch.tensor(data.test_labels)).double().mean())
    assert accuracy > ENOUGH, accuracy
    return model, optimiser, x[:256], y[:256]


@pytest.mark.parametrize("build", [mlp, signs, bits, residual, pytest.param(convolutions, marks=pytest.mark.slow),
                                   pytest.param(Transformer, marks=pytest.mark.slow)])  # fmt: skip
def test_nothing_is_found_in_what_was_trained_well(build) -> None:
    model, optimiser, x, y = trained(build)
    for training in (True, False):
        model.train(training)
        for labels, given in ((y, optimiser), (None, None), (y, None)):
            found = mb.check(model, x, labels, optimiser=given)
            assert found.ok, found.cause
