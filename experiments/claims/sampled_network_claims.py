"""Claims of Stamatescu et al. 2020 about the binary networks behind a surrogate (section 5.2, figure 3), settled by
small trainings on digits."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np

from meanbits.experiments.claims.claim import Check, Claim, Evidence, either
from meanbits.experiments.claims.evidence import printed
from meanbits.experiments.claims.small_trainings import (
    ACCURACY,
    MEANS,
    PAPER_FORM,
    WITHIN,
    Moment,
    coarse_networks,
    coarse_tells,
    followed,
)

SHALLOW, DEEP, MARKS = 3, 6, (6, 12, 24, 96)  # depths, epochs
FIRST, EARLY, MIDDLE, LAST = MARKS
AVERAGED = ("sampled_1", "sampled_5", "sampled_100")


def _moments(depth: int, epochs: int) -> list[Moment]:
    found = followed(depth, MARKS if depth == SHALLOW else (MIDDLE,))
    return [found[means, epochs] for means in MEANS]


def _nearer(counts: tuple[int, ...]) -> Evidence:
    """Whether averages over these numbers of samples are in this order of accuracy, each above the one before."""
    found = [each for depth in (SHALLOW, DEEP) for each in _moments(depth, MIDDLE)]
    rising = all(low < high for each in found for low, high in pairwise([each.sampled[n] for n in counts]))
    numbers = {f"{n} averaged": float(np.mean([each.sampled[n] for each in found])) for n in counts}
    numbers["surrogate"] = float(np.mean([each.surrogate for each in found]))
    return Evidence("training", f"networks averaged, {len(found)} trained networks", numbers, rising)


def _coarse_order(networks: tuple[str, ...]) -> Evidence:
    """Whether binary networks of the coarse grid are in this order of accuracy, on average over those that train."""
    one = coarse_networks().sel(surrogate=PAPER_FORM)
    means = {name: float(one[f"{name}_train_accuracy"].mean()) for name in (*networks, "sign", "surrogate")}
    rising = all(means[low] < means[high] for low, high in pairwise(networks))
    what = f"networks averaged, {int(one[ACCURACY].count())} trained networks of the coarse grid"
    return Evidence("training", what, means, rising)


def _worse(depths: tuple[int, int]) -> Evidence:
    """Whether averages fall shorter of the surrogate at the latter depth, at each sigma_m2 and number of samples."""
    gaps = [[each.surrogate - each.sampled[n] for each in _moments(depth, MIDDLE) for n in (1, 4, 64)]
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
    found = sorted(_moments(SHALLOW, MIDDLE), key=lambda each: each.polarised)
    numbers = {f"needed at {each.polarised:.2f} polarised": _shown(each.needed) for each in found}
    what = f"samples needed by the share of means near +-1, depth {SHALLOW}, {MIDDLE} epochs"
    return Evidence("training", what, numbers, order * (found[-1].needed - found[0].needed) > 0)


def _while_falling(means: float) -> Evidence:
    """Whether fewer samples are needed at the end while fewer means are near +-1."""
    first, last = (followed(SHALLOW, MARKS)[means, epochs] for epochs in (FIRST, LAST))
    numbers = {"polarised at first": first.polarised, "polarised at last": last.polarised,
               "needed at first": _shown(first.needed), "needed at last": _shown(last.needed)}  # fmt: skip
    return Evidence("training", f"depth {SHALLOW}, sigma_m2 = {means:g}", numbers,
                    last.needed < first.needed and last.polarised < first.polarised)  # fmt: skip


def _shown(count: float) -> float | str:
    return count if np.isfinite(count) else "over 128"


SAMPLED_NETWORK_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "train.sampled",
        printed("figure 3", 6),
        "Stochastic networks come nearer to the surrogate with the number of samples averaged, and fall shorter of it "
        "with depth.",
        (
            either(_nearer, (1, 4, 64), (64, 4, 1)),
            either(_worse, (SHALLOW, DEEP), (DEEP, SHALLOW)),
            *((either(_coarse_order, AVERAGED, AVERAGED[::-1]),) if coarse_tells() else ()),
        ),
    ),
    Claim(
        "train.sign",
        printed("later text of figure 3", 6),
        "The deterministic binary network, signs of the means with sign neurons, is like one sample of the stochastic "
        "one.",
        (either(_alike, "sign", "another"),),
        "It is worth less early in training, when it is near to guessing and one sample is not, and more late.",
        (
            Check(partial(_better, EARLY, -1), partial(_better, EARLY, 1)),
            Check(partial(_better, LAST, 1), partial(_better, LAST, -1)),
        ),
    ),
    Claim(
        "train.samples",
        printed("section 5.2", 6),
        "Fewer samples are needed later in training, since means polarise.",
        (
            Check(
                partial(_fewer, (SHALLOW, FIRST), (SHALLOW, LAST)), partial(_fewer, (SHALLOW, LAST), (SHALLOW, FIRST))
            ),
            either(_polarised, -1, 1),
        ),
        "Fewer are needed later, and more by deeper networks, but not for the means' sake: of networks equally long in "
        "training the most polarised needs the most, and where the means start at +-0.97 fewer are needed while fewer "
        "are near +-1.",
        (
            Check(
                partial(_fewer, (SHALLOW, FIRST), (SHALLOW, LAST)), partial(_fewer, (SHALLOW, LAST), (SHALLOW, FIRST))
            ),
            Check(
                partial(_fewer, (DEEP, MIDDLE), (SHALLOW, MIDDLE)), partial(_fewer, (SHALLOW, MIDDLE), (DEEP, MIDDLE))
            ),
            either(_polarised, 1, -1),
            either(_while_falling, MEANS[-1], MEANS[0]),
        ),
    ),
)
