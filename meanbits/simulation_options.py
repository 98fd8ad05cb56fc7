"""The options of simulate."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import click

from meanbits.options import FOLDER, Number

LARGEST = 1e100  # fields of this variance still have a square
FILE, COUNT = click.Path(path_type=Path, dir_okay=False), click.IntRange(min=1)

OPTIONS = (
    click.option("--width", metavar="N", type=COUNT, default=1000, help="Neurons a layer, default 1000."),
    click.option("--depth", metavar="L", type=COUNT, help="Layers, default 10; 1 for a layer on real inputs."),
    click.option("--realisations", metavar="R", type=click.IntRange(min=2), default=20,
                 help="Random networks, default 20, at least 2 for an error; with --extend, so many more."),
    click.option("--sigma-m2", metavar="X", type=Number(low=0),
                 help="Variance of the weight means, default half of what weights and law allow."),
    click.option("--sigma-b2", metavar="Y", type=Number(0, LARGEST), default=0.001,
                 help="Variance of the biases, default 0.001."),
    click.option("--means", metavar="LAW", default="two-point",
                 help="Law of the weight means: two-point (default), clipped-gaussian, uniform or beta."),
    click.option("--overlap", metavar="C", type=Number(-1, 1), help="Overlap of the two inputs, default 0.5."),
    click.option("--dataset", metavar="D", 
                 help="Two images instead: of digits, mnist, fashion-mnist, or yours: F.npz (x, y), a folder of idx "
                      "files, FILE.py:NAME."),
    click.option("--data-dir", metavar="FOLDER", type=FOLDER, help="Folder of the idx.gz files."),
    click.option("--batch", metavar="B", type=COUNT, help="Inputs that batch norm is of, default 256."),
    click.option("--network", is_flag=True,
                 help="The stochastic network that S stands for: weights and neurons drawn for every input."),
    click.option("--replicas", is_flag=True, help="Two noise-independent runs of that network: T, r_aa and r_ab."),
    click.option("--finite-width", is_flag=True,
                 help="Add to the theory its 1/N term, from networks of half the width, four times as many."),
    click.option("--device", metavar="DEVICE", default="cpu", help="cpu (default), cuda or cuda:I."),
    click.option("--workers", metavar="K", type=COUNT,
                 help="Networks at once, default one a core; no result depends on it."),
    click.option("--seed", metavar="I", type=click.IntRange(min=0), default=0, help="Seed, default 0."),
    click.option("-o", "--output", metavar="FILE.nc", type=FILE, help="Save the run, also what Ctrl-C leaves of it."),
    click.option("--extend", metavar="FILE.nc", type=FILE,
                 help="Go on with a saved run, of the same S; other options are taken from it."),
)  # fmt: skip


def simulation_options(command: Any) -> Any:
    """All of them."""
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(OPTIONS), command)
