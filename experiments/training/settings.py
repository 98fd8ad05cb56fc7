"""The settings of one training: plain values, checked when given. Defaults: the paper's recipe."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meanbits.experiments.training.between import Between
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.rows import Row
    from meanbits.theory.declarations.surrogates import Surrogate

OPTIMISERS = ("adam", "sgd", "momentum", "rmsprop")
SCHEDULES = ("constant", "cosine")
READOUTS = ("field", "moments", "real")
INPUTS, KEPT, DTYPES = ("means", "real"), ("project", "tanh"), ("float32", "float64")
BLOCKS = ("normalise", "dropout", "scale", "skip")
SIGMA_M2 = 0.8
PARTS = ("weights", "neurons", "noise", "backward", "treatment", "form", "phi", "gain")
POSITIVE = ("depth", "width", "epochs", "batch_size")
VARIES = ("sigma_m2", "sigma_b2", "gain", "lr", "seed")  # what cells of one shape may differ in


@dataclass(frozen=True)
class Settings:
    """One training.

    surrogate, and weights to gain: a surrogate or a chain of blocks as `meanbits.compose` takes it. normalise, dropout,
    scale, skip: blocks of its layers. A norm is of mean and variance of a field; dropout is averaged over where the
    field is, else drawn in training and left out after it. Weights `signs` and `absmean` are rounded from latent
    weights, which gradients see straight through. sigma_m2: None for what the weights settle, or 0.8. depth, width:
    hidden layers and their neurons. sigma_m2, sigma_b2: variances of the means of weights (of law `law`) and of the
    biases at initialisation. train_size: images to train on (None: all). inputs: images read as "means" of bits or as
    "real" numbers. readout: "field" (logits are the mean field of a last layer of binary weights), "moments" (the same,
    narrowed by the field's variance), "real" (its weights are real). keep: how |M| <= 1 is kept, "project" after each
    step or "tanh". samples: how many stochastic networks are averaged at most. evaluated: training images that
    accuracies are measured on. schedule: lr is "constant", or falls to 0 by a "cosine".

    Stamatescu et al. 2020 give Adam, 2e-4, batches of 64 and 10 epochs; the rest is a choice.

    Raises:
        ValueError: a value out of its domain, or parts of a surrogate that do not fit together.
    """

    surrogate: str = "deterministic"
    weights: str | None = None
    neurons: str | None = None
    noise: str | None = None
    backward: str | None = None
    treatment: str | None = None
    form: str | None = None
    phi: str | None = None
    gain: float | None = None
    normalise: str | None = None
    dropout: float | None = None
    scale: float | None = None
    skip: str | None = None
    dataset: str = "digits"
    train_size: int | None = None
    depth: int = 3
    width: int = 300
    sigma_m2: float = None  # type: ignore[assignment]
    sigma_b2: float = 0.001
    law: str = "two-point"
    inputs: str = "means"
    readout: str = "field"
    keep: str = "project"
    optimiser: str = "adam"
    lr: float = 2e-4
    batch_size: int = 64
    epochs: int = 10
    seed: int = 0
    dtype: str = "float32"
    samples: int = 100
    evaluated: int = 10_000
    schedule: str = "constant"

    def __post_init__(self) -> None:
        if self.sigma_m2 is None:
            settled = composed(self).weights.mean_square
            object.__setattr__(self, "sigma_m2", SIGMA_M2 if settled is None else float(settled))
        for name in (*POSITIVE, "evaluated", "samples"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "give a whole number, 1 or more")
        if self.train_size is not None:
            _require(self.train_size >= 1, "train_size", self.train_size, "give a whole number, 1 or more")
        _require(0 < self.lr < math.inf, "lr", self.lr, "give a finite number > 0, for example 2e-4")
        _require(0 <= self.sigma_b2 < math.inf, "sigma_b2", self.sigma_b2, "give a finite number >= 0")
        _require(0 <= self.seed < 2**32, "seed", self.seed, "give a whole number, 0 or more")
        known = {"optimiser": OPTIMISERS, "readout": READOUTS, "inputs": INPUTS, "keep": KEPT, "dtype": DTYPES,
                 "schedule": SCHEDULES}  # fmt: skip
        for name, choices in known.items():
            _require(getattr(self, name) in choices, name, getattr(self, name), f"choose {', '.join(choices)}")
        self._check_surrogate()

    def _check_surrogate(self) -> None:
        from meanbits.theory.declarations.mean_law import mean_law

        surrogate = composed(self)
        limit = surrogate.weights.mean_limit
        top = math.inf if limit is None else float(limit) ** 2
        _require(0 < self.sigma_m2 <= top and self.sigma_m2 < math.inf, "sigma_m2", self.sigma_m2,
                 f"{surrogate.weights.name} weights need a number in (0, {top:g}]")  # fmt: skip
        mean_law(self.law).require(self.sigma_m2, math.sqrt(top) if math.isfinite(top) else 1e9)
        settled = surrogate.weights.mean_square
        _require(settled is None or self.sigma_m2 == float(settled), "sigma_m2", self.sigma_m2,
                 f"{surrogate.weights.name} have E M^2 = {settled}; give that, or nothing")  # fmt: skip
        _require(not between_of(self).by_batch or self.batch_size > 1, "batch_size", self.batch_size,
                 "batch norm needs at least 2 images")  # fmt: skip
        if not surrogate.passes_gradient:
            raise ValueError(
                f"{surrogate.name}: its neurons jump and are flat elsewhere, so no gradient reaches the "
                "weights before them; give gradients a slope, as in backward clip, or use treatment marginalise"
            )
        _require(self.depth == 1 or not surrogate.real_input, "depth", self.depth,
                 f"{surrogate.name} is a single layer on real inputs; use depth 1")  # fmt: skip
        _require(self.keep == "project" or limit is not None, "keep", self.keep,
                 f"{surrogate.weights.name} weights have no bound on their means; use project")  # fmt: skip

    @property
    def shape(self) -> tuple[object, ...]:
        """What cells must share to train as one computation."""
        names = (field.name for field in fields(self) if field.name not in VARIES)
        return (*(getattr(self, name) for name in names), self.gain is None)

    @property
    def cost(self) -> float:
        """Expected time, in multiplications of a training."""
        return float(self.epochs * (self.train_size or 60_000) * self.width * (800 + self.depth * self.width))


@dataclass(frozen=True)
class DeclaredSettings(Settings):
    """One training of what is declared in Python, where files and command lines have a name."""

    declaration: Surrogate | Layer | None = None


def between_of(settings: Settings) -> Between:
    """Norm, dropout, scale and skip between the layers of some settings.

    Raises:
        ValueError: unknown blocks, parts that fit no chain, or a skip around fields that are sampled.
    """
    from meanbits.experiments.training.between import Between

    row = row_of_settings(settings)
    between = Between.of(row)
    if between == Between():
        return between
    treatment = row.layer.treatment
    _require(not between.has_skip or treatment.field != "sampled", "skip", settings.skip,
             f"{row.name} has treatment {treatment.name}, which samples the field anew in each layer, so that there is "
             "none to carry on; use treatment marginalise or none, or leave the skip out")  # fmt: skip
    return between


def composed(settings: Settings) -> Surrogate:
    """The surrogate of some settings: their neurons, weights and treatment."""
    return row_of_settings(settings).surrogate


def row_of_settings(settings: Settings) -> Row:
    """The surrogate of some settings and the blocks beside it."""
    named = settings.declaration if isinstance(settings, DeclaredSettings) else None
    return _row(named or settings.surrogate, tuple((name, getattr(settings, name)) for name in (*PARTS, *BLOCKS)))


@lru_cache(maxsize=1024)
def _row(name: str | Surrogate | Layer, options: tuple[tuple[str, str | float | None], ...]) -> Row:
    from meanbits.experiments.declared import declared
    from meanbits.theory.declarations.compose_layer import row_of, with_blocks
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.rows import Row, row_of_layer

    found = declared(name) if isinstance(name, str) else name
    if found is None:
        assert isinstance(name, str)
        return row_of(name, **dict(options))
    for option, value in options:
        settled = option in PARTS or isinstance(found, Layer)
        _require(value is None or not settled, option, value,
                 f"the parts of {found.name} are settled; drop it, or change them there")  # fmt: skip
    if isinstance(found, Layer):
        return row_of_layer(found)
    return with_blocks(Row(found), **{option: value for option, value in options if option in BLOCKS})


def _require(holds: bool, name: str, value: object, remedy: str) -> None:
    if not holds:
        raise ValueError(f"{name} = {value}: {remedy}")
