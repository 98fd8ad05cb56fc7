"""What orthogonal weights leave of the variance of singular values, and spectra of deep Jacobians."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from meanbits.paper_figures.style import COLOURS, DASHES, DOUBLE_COLUMN, figure, provenance, save, tag

LEAST = 1e-8  # shown of a variance


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.pennington_2017.isometry`'s dataset as isometry.pdf and .png in `folder`; their paths."""
    with figure(DOUBLE_COLUMN, 2.6) as drawn:
        left, right = drawn.subplots(1, 2)
        for colour, dash, name in zip(COLOURS, DASHES, dataset.neurons.values, strict=False):
            one = dataset.variance.sel(neurons=name)
            left.loglog(one.q, one.where(one > LEAST), color=colour, linestyle=dash, label=str(name))
        left.set(xlabel="$q^*$ along the edge of chaos", ylabel="relative variance a layer", ylim=(1e-5, 3))
        left.legend(loc="lower right")
        for colour, dash, name in zip(COLOURS, DASHES, dataset.network.values, strict=False):
            right.step(dataset.bin, dataset.density.sel(network=name), color=colour, linestyle=dash, where="mid",
                       label=str(name))  # fmt: skip
        right.plot(dataset.point, dataset.theory, color="black", linewidth=0.8, label="tanh, Gaussian: theory")
        right.set(xlabel=r"$\log_{10} s$", ylabel="density", ylim=(0, 1.6))
        right.legend(loc="upper left")
        tag(left, "a", "orthogonal weights")
        tag(right, "b", f"{dataset.attrs['depth']} layers")
        return save(drawn, folder, "isometry")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    rows = zip(dataset.network.values, dataset.seen.values, dataset.told.values, strict=True)
    found = "; ".join(f"{name}: {seen:.3g} ({told:.3g})" for name, seen, told in rows)
    given = dataset.attrs
    return (
        "Singular values $s$ of Jacobians of networks with real weights on the edge of chaos. (a) What a layer of "
        "orthogonal weights adds to the relative variance of $s^2$: it vanishes with $q^*$ for sigmoidal neurons, and "
        f"is 1 for relu. (b) Spectra behind {given['depth']} layers at $q^*$ = {given['edge_q']:g}, "
        f"{given['networks']} random networks of width {given['width']}, and free probability. Relative variance of "
        f"$s^2$, in brackets by theory: {found}{provenance(dataset)}"
    )
