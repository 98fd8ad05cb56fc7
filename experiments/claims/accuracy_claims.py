"""Claims of Stamatescu et al. 2020 about trainings (sections 5.2, figures 2 and 3), settled by small trainings on
digits and, as far as it is trained, by the coarse grid of figures 2 and 3."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
import xarray as xr

from meanbits.experiments.claims.claim import Check, Claim, Evidence, either
from meanbits.experiments.claims.evidence import printed
from meanbits.experiments.claims.small_trainings import (
    LRT_TANH,
    MEANS,
    PAPER_FORM,
    WITHIN,
    Moment,
    coarse,
    followed,
    over_depth,
)

FACTOR = 6.0  # of xi_c
SOON, MIDDLE, LATER = 8, 16, 24  # epochs
# Of 0.001 to 0.002, 0.1 to 1 and 1 to 10, those with which small networks come as far as with Adam.
RATES = {"adam": 2e-3, "rmsprop": 2e-3, "momentum": 1.0, "sgd": 3.0}
LIKE = 1.5  # times k and one over it
SHALLOW, DEEP, MARKS = 3, 6, (6, 12, 24, 96)
ANY = 1e6
ACCURACY = "surrogate_train_accuracy"
Trained = Callable[[], xr.Dataset | None]


def _found(trained: Trained, surrogate: str) -> xr.Dataset:
    data = trained()
    assert data is not None
    return data.sel(surrogate=surrogate)


def _where(one: xr.Dataset) -> str:
    return f"{one.attrs['train_size']} images of {one.attrs['dataset']}, width {one.attrs['width']}"


def _fit(one: xr.Dataset, name: str = "k") -> dict[str, float]:
    """k with the ends of its interval, or the bounds that there are."""
    found = {name: float(one.k), f"{name} from": float(one.k_low), f"{name} to": float(one.k_high)}
    return {key: value for key, value in found.items() if np.isfinite(value)}


def _parted(trained: Trained, surrogate: str, within: float, beyond: float) -> Evidence:
    """Whether all networks train up to so many xi_c and none does beyond so many."""
    one = _found(trained, surrogate)
    scales, trains = (one.depth / one.xi_c).broadcast_like(one[ACCURACY]), one[ACCURACY] >= one.half
    done = one[ACCURACY].notnull()
    shallow, deep = done & (scales <= within), done & (scales > beyond)
    numbers = {"up to it": int(shallow.sum()), "of these train": int((shallow & trains).sum()),
               "beyond": int(deep.sum()), "of those train": int((deep & trains).sum())} | _fit(one)  # fmt: skip
    what = f"networks up to {within:g} xi_c, and beyond {beyond:g}: {surrogate}, {_where(one)}"
    return Evidence("training", what, numbers, bool((trains | ~shallow).all() and not (deep & trains).any()))


def _proportional(surrogate: str, axis: str) -> Evidence:
    """Whether trainable depths over xi_c scatter less than half as much as depths do: the contrary is the reverse."""
    from meanbits.experiments.training.trainable_depth import constant

    one = _found(partial(over_depth, SOON), surrogate)
    plain = constant(one.trainable_depth.values[:, None], one.trainable_kind.values[:, None], np.ones(one.xi_c.size), 0)
    scatter = {"of depth / xi_c": float(one.k_scatter), "of depth": plain.scatter}
    least, most = scatter.pop(axis), next(iter(scatter.values()))
    numbers = {f"scatter of ln, {axis}": least, "the other": most}
    return Evidence("training", f"trainable depths at {one.xi_c.size} sigma_m2: {surrogate}", numbers, least < most / 2)


def _ordered(trained: Trained, surrogates: tuple[str, str]) -> Evidence:
    """Whether the k of one surrogate is above that of another."""
    high, low = (_found(trained, each) for each in surrogates)
    numbers = _fit(high, f"k of {surrogates[0]}") | _fit(low, f"k of {surrogates[1]}")
    return Evidence("training", f"k of trainable depth = k xi_c, {_where(high)}", numbers, bool(high.k > low.k))


def _grows(epochs: tuple[int, int]) -> Evidence:
    """Whether k is larger after the latter number of epochs than after the former, beyond its 95 % interval."""
    first, last = (_found(partial(over_depth, each, (PAPER_FORM,)), PAPER_FORM) for each in epochs)
    numbers = _fit(first, f"k at {epochs[0]} epochs") | _fit(last, f"k at {epochs[1]} epochs")
    return Evidence("training", f"k of trainable depth = k xi_c, {_where(first)}", numbers,
                    bool(last.k > first.k_high))  # fmt: skip


def _by_optimiser(name: str) -> xr.Dataset:
    rule = f'optimiser = "{name}"\nlr = {RATES[name]}'
    return _found(partial(over_depth, MIDDLE, (PAPER_FORM,), rule), PAPER_FORM)


def _like_adam(names: tuple[str, ...], low: float, high: float) -> Evidence:
    """Whether the k of each optimiser is between so many times that of Adam."""
    found = {name: _by_optimiser(name) for name in ("adam", *names)}
    numbers: dict[str, float] = {}
    for name, one in found.items():
        numbers |= _fit(one, f"k of {name}") | {f"best of {name}": float(one[ACCURACY].max())}
    ratios = [float(found[name].k / found["adam"].k) for name in names]
    what = f"trainable depth = k xi_c after {MIDDLE} epochs, {_where(found['adam'])}"
    return Evidence("training", what, numbers, all(low <= ratio <= high for ratio in ratios))


def _moments(depth: int, epochs: int) -> list[Moment]:
    found = followed(depth, MARKS if depth == SHALLOW else (LATER,))
    return [found[means, epochs] for means in MEANS]


def _nearer(counts: tuple[int, ...]) -> Evidence:
    """Whether averages over these numbers of samples are in this order of accuracy, each above the one before."""
    found = [each for depth in (SHALLOW, DEEP) for each in _moments(depth, LATER)]
    rising = all(low < high for each in found for low, high in pairwise([each.sampled[n] for n in counts]))
    numbers = {f"{n} averaged": float(np.mean([each.sampled[n] for each in found])) for n in counts}
    numbers["surrogate"] = float(np.mean([each.surrogate for each in found]))
    return Evidence("training", f"networks averaged, {len(found)} trained networks", numbers, rising)


def _worse(depths: tuple[int, int]) -> Evidence:
    """Whether averages fall shorter of the surrogate at the latter depth, at each sigma_m2 and number of samples."""
    gaps = [[each.surrogate - each.sampled[n] for each in _moments(depth, LATER) for n in (1, 4, 64)]
            for depth in depths]  # fmt: skip
    numbers = {f"short at depth {depth}": float(np.mean(found)) for depth, found in zip(depths, gaps, strict=True)}
    return Evidence("training", "accuracy that averages of 1, 4 and 64 fall short of the surrogate", numbers,
                    all(less < more for less, more in zip(*gaps, strict=True)))  # fmt: skip


def _alike(network: str) -> Evidence:
    """Whether a network is as accurate as one sample, on average over sigma_m2, at each stage of training."""
    numbers = {}
    for epochs in MARKS:
        apart = [abs(getattr(each, network) - each.sampled[1]) for each in _moments(SHALLOW, epochs)]
        numbers[f"apart after {epochs} epochs"] = float(np.mean(apart))
    what = {"sign": "the sign network", "another": "another sample"}[network]
    return Evidence("training", f"accuracy of {what} against one sample, depth {SHALLOW}", numbers,
                    all(each <= WITHIN for each in numbers.values()))  # fmt: skip


def _better(epochs: int, order: int) -> Evidence:
    """Whether the sign network is above (order 1) or below (-1) one sample at every sigma_m2."""
    found = _moments(SHALLOW, epochs)
    numbers = {"sign network": float(np.mean([each.sign for each in found])),
               "one sample": float(np.mean([each.sampled[1] for each in found]))}  # fmt: skip
    what = f"accuracy after {epochs} epochs, depth {SHALLOW}, sigma_m2 = {', '.join(map(str, MEANS))}"
    return Evidence("training", what, numbers, all(order * (each.sign - each.sampled[1]) > 0 for each in found))


def _fewer(before: tuple[int, int], after: tuple[int, int]) -> Evidence:
    """Whether fewer samples are needed after, each (depth, epochs), at every sigma_m2."""
    needed = [[each.needed for each in _moments(*place)] for place in (before, after)]
    numbers = {f"depth {depth}, {epochs} epochs, sigma_m2 = {means}": _shown(count)
               for (depth, epochs), found in zip((before, after), needed, strict=True)
               for means, count in zip(MEANS, found, strict=True)}  # fmt: skip
    what = f"samples needed to come within {WITHIN:g} of the surrogate"
    return Evidence("training", what, numbers, all(late < early for early, late in zip(*needed, strict=True)))


def _polarised(order: int) -> Evidence:
    """Whether at one time the network of the most polarised means needs fewer (order -1) or more (1) than that of the
    least."""
    found = sorted(_moments(SHALLOW, LATER), key=lambda each: each.polarised)
    numbers = {f"needed at {each.polarised:.2f} polarised": _shown(each.needed) for each in found}
    what = f"samples needed by the share of means near +-1, depth {SHALLOW}, {LATER} epochs"
    return Evidence("training", what, numbers, order * (found[-1].needed - found[0].needed) > 0)


def _while_falling(means: float) -> Evidence:
    """Whether fewer samples are needed at the end while fewer means are near +-1."""
    first, last = (followed(SHALLOW, MARKS)[means, epochs] for epochs in (MARKS[0], MARKS[-1]))
    numbers = {"polarised at first": first.polarised, "polarised at last": last.polarised,
               "needed at first": _shown(first.needed), "needed at last": _shown(last.needed)}  # fmt: skip
    return Evidence("training", f"depth {SHALLOW}, sigma_m2 = {means:g}", numbers,
                    last.needed < first.needed and last.polarised < first.polarised)  # fmt: skip


def _shown(count: float) -> float | str:
    return count if np.isfinite(count) else "over 128"


def _coarse(tells: Callable[[xr.Dataset], bool], *checks: Check) -> tuple[Check, ...]:
    """Checks on the coarse grid, where what is trained of it tells."""
    data = coarse()
    return checks if data is not None and tells(data) else ()


def _both_sides(data: xr.Dataset) -> bool:
    one = data.sel(surrogate=PAPER_FORM)
    return bool(one.within > 0 and one.beyond > 0 and one.trains_beyond > 0)


def _two_fits(data: xr.Dataset) -> bool:
    return bool(np.isfinite(data.k).all())


SOON_TRAINED, ORDER = partial(over_depth, SOON), (PAPER_FORM, LRT_TANH)
ACCURACY_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "train.depth",
        printed("section 5.2 and figure 2", 6),
        "Networks train up to a depth of about 6 xi_c and at no greater, as standard networks do (later: those of the "
        "deterministic surrogate).",
        (
            Check(partial(_parted, SOON_TRAINED, PAPER_FORM, FACTOR, FACTOR),
                  partial(_parted, SOON_TRAINED, PAPER_FORM, FACTOR, ANY)),
            *_coarse(_both_sides, Check(partial(_parted, coarse, PAPER_FORM, FACTOR, FACTOR),
                                        partial(_parted, coarse, PAPER_FORM, FACTOR, ANY))),
        ),
        "Trainable depth is a multiple of xi_c, but of no constant one: it is larger for the deterministic surrogate "
        "than for LRT with tanh, and grows with the epochs.",
        (
            either(partial(_proportional, PAPER_FORM), "of depth / xi_c", "of depth"),
            either(partial(_ordered, SOON_TRAINED), ORDER, ORDER[::-1]),
            either(_grows, (SOON, LATER), (LATER, SOON)),
            *_coarse(_two_fits, either(partial(_ordered, coarse), ORDER, ORDER[::-1])),
        ),
    ),
    Claim(
        "train.sampled",
        printed("figure 3", 6),
        "Stochastic networks come nearer to the surrogate with the number of samples averaged, and fall shorter of it "
        "with depth.",
        (either(_nearer, (1, 4, 64), (64, 4, 1)), either(_worse, (SHALLOW, DEEP), (DEEP, SHALLOW))),
    ),
    Claim(
        "train.sign",
        printed("later text of figure 3", 6),
        "The deterministic binary network, signs of the means with sign neurons, is like one sample of the stochastic "
        "one.",
        (either(_alike, "sign", "another"),),
        "It is worth less early in training, when it is near to guessing and one sample is not, and more late.",
        (
            Check(partial(_better, MARKS[1], -1), partial(_better, MARKS[1], 1)),
            Check(partial(_better, MARKS[-1], 1), partial(_better, MARKS[-1], -1)),
        ),
    ),
    Claim(
        "train.samples",
        printed("section 5.2", 6),
        "Fewer samples are needed later in training, since means polarise.",
        (
            Check(partial(_fewer, (SHALLOW, MARKS[0]), (SHALLOW, MARKS[-1])),
                  partial(_fewer, (SHALLOW, MARKS[-1]), (SHALLOW, MARKS[0]))),
            either(_polarised, -1, 1),
        ),
        "Fewer are needed later, and more by deeper networks, but not for the means' sake: of networks equally long in "
        "training the most polarised needs the most, and where the means start at +-0.97 fewer are needed while fewer "
        "are near +-1.",
        (
            Check(partial(_fewer, (SHALLOW, MARKS[0]), (SHALLOW, MARKS[-1])),
                  partial(_fewer, (SHALLOW, MARKS[-1]), (SHALLOW, MARKS[0]))),
            Check(partial(_fewer, (DEEP, LATER), (SHALLOW, LATER)), partial(_fewer, (SHALLOW, LATER), (DEEP, LATER))),
            either(_polarised, 1, -1),
            either(_while_falling, MEANS[-1], MEANS[0]),
        ),
    ),
    Claim(
        "train.optimisers",
        printed("section 5.2", 6),
        "Results are alike for SGD, momentum and RMSprop (which depths train, with the k of Adam to half as much again).",
        (Check(partial(_like_adam, ("sgd", "momentum", "rmsprop"), 1 / LIKE, LIKE),
               partial(_like_adam, ("rmsprop",), 1 / LIKE, LIKE)),),
        "RMSprop is like Adam; SGD, with momentum or without, trains to about half the depth in as many epochs.",
        (
            Check(partial(_like_adam, ("rmsprop",), 1 / LIKE, LIKE),
                  partial(_like_adam, ("sgd", "momentum"), 1 / LIKE, LIKE)),
            Check(partial(_like_adam, ("sgd", "momentum"), 0, 1 / LIKE), partial(_like_adam, ("rmsprop",), 0, 1 / LIKE)),
        ),
    ),
)  # fmt: skip
