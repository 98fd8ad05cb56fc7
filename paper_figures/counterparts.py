"""Figure 3: accuracy of a trained surrogate, of its sign network and of its sampled networks."""

from __future__ import annotations

from pathlib import Path

import xarray as xr
from matplotlib.axes import Axes

from meanbits.paper_figures.accuracy_maps import CHANCE, FACTOR, training_words
from meanbits.paper_figures.style import COLOURS, DOUBLE_COLUMN, FAINT, MARKERS, figure, provenance, save, tag

ROWS = {"train": "training accuracy", "test": "test accuracy"}


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.counterparts`'s dataset as counterparts.pdf and .png in `folder`; their paths."""
    with figure(DOUBLE_COLUMN, 3.9) as drawn:
        panels = drawn.subplots(len(ROWS), dataset.sizes["depth"], sharex=True, sharey=True, squeeze=False)
        letters = iter("abcdefghijklmnop")
        for (images, label), row in zip(ROWS.items(), panels, strict=True):
            for axes, depth in zip(row, dataset.depth.values, strict=True):
                _panel(axes, dataset.sel(depth=depth), images)
                tag(axes, next(letters), f"$L = {depth}$" if images == "train" else "")
            row[0].set_ylabel(label)
        for axes in panels[-1]:
            axes.set_xlabel(r"$\sigma_m^2$")
        panels[0, 0].set(ylim=(0, 1.02), xlim=(0, 1), xticks=(0, 0.25, 0.5, 0.75, 1))
        panels[0, 0].set_xticklabels(("0", "", "0.5", "", "1"))
        handles, labels = panels[0, 0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside upper center", ncols=len(labels))
        return save(drawn, folder, "counterparts")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    best = dataset.isel(dataset.surrogate_train_accuracy.argmax(["depth", "sigma_m2"]))
    found = ", ".join(
        f"{label} {float(best[f'{name}_train_accuracy']):.2f}" for name, label in _networks(dataset).items()
    )
    polarised = float(best.polarised_after.mean())
    return (
        "Accuracy of the deterministic surrogate in paper form after training, and of the binary networks behind it: "
        "signs of the means with sign neurons, and stochastic networks, the outputs of some averaged. Top: training "
        "images, bottom: test images; dotted: chance; shaded: "
        f"$L > {FACTOR}\\xi_c$. Where the surrogate trains best, $L = {int(best.depth)}$, "
        f"$\\sigma_m^2 = {float(best.sigma_m2):g}$: {found}; of its means {100 * polarised:.0f} % are beyond 0.9 in "
        f"size. {training_words(dataset)}{provenance(dataset)}"
    )


def _networks(dataset: xr.Dataset) -> dict[str, str]:
    """Prefix of the variables of each network, and its label; samples in order."""
    counts = sorted(int(str(name).split("_")[1]) for name in dataset if str(name).startswith("sampled_")
                    and str(name).endswith("_train_accuracy"))  # fmt: skip
    return {"surrogate": "surrogate", "sign": "sign network"} | {f"sampled_{n}": f"{n} sampled" for n in counts}


def _panel(axes: Axes, one: xr.Dataset, images: str) -> None:
    for (name, label), colour, marker in zip(_networks(one).items(), ("#000000", *COLOURS), MARKERS, strict=False):
        axes.plot(one.sigma_m2, one[f"{name}_{images}_accuracy"], color=colour, marker=marker, label=label)
    axes.axhline(CHANCE, color=FAINT, linestyle=(0, (1, 1.5)), linewidth=0.8, zorder=0)
    shallow = one.sigma_m2.where(one.depth > FACTOR * one.xi_c, drop=True)
    if shallow.size:
        axes.axvspan(0, float(shallow.max()), color="#EEEEEE", linewidth=0, zorder=0)
