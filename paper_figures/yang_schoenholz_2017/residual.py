"""Lengths, gradients and correlations over the layers of residual networks, beside a plain one."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from meanbits.paper_figures.style import DOUBLE_COLUMN, figure, marks, provenance, save, stroke, tag

PANELS = (("T", "length $p$", "lengths"), ("gradient", "squared gradients / last", "gradients"),
          ("c", "correlation $c$", "correlations"))  # fmt: skip


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.yang_schoenholz_2017.residual`'s dataset as residual.pdf and .png in `folder`; their paths."""
    every = max(1, dataset.sizes["layer"] // 10)
    with figure(DOUBLE_COLUMN, 2.4) as drawn:
        panels = drawn.subplots(1, 3)
        for axes, letter, (name, shown, title) in zip(panels, "abc", PANELS, strict=True):
            for k, network in enumerate(dataset.network.values):
                one = dataset.sel(network=network)
                seen = one.isel(layer=slice(None, None, every))
                axes.plot(one.layer, one[name], **stroke(k), label=str(network))
                marks(axes, k, seen.layer, seen[f"{name}_mean"], seen[f"{name}_error"])
            axes.set(xlabel="layer", ylabel=shown, yscale="linear" if name == "c" else "log")
            tag(axes, letter, title)
        panels[2].set(ylim=(0, 1.02))
        drawn.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        return save(drawn, folder, "residual")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    given = dataset.attrs
    return (
        "Residual networks $x + v\\phi(wx + b) + a$ with tanh ($\\sigma_v^2$ = 0.7) and relu ($\\sigma_v^2$ = 0.2), "
        "$\\sigma_w^2$ = 1.5, $\\sigma_b^2$ = 0.1, $\\sigma_a^2$ = 0.2, beside a plain tanh network in the chaotic "
        "phase ($\\sigma_w^2$ = 3, $\\sigma_b^2$ = 0.2). (a) Lengths grow in proportion to depth with tanh, "
        "exponentially with relu. (b) Squared gradients: exponentials of $\\sqrt l$, and of $l$. (c) Correlations come "
        "to their fixed points as powers of $l$, without a skip exponentially. Lines: theory; marks: "
        f"{given['networks']} random "
        f"networks of width {given['width']}, with standard errors{provenance(dataset)}"
    )
