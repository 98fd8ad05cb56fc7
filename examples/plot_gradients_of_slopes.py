"""
Gradients over depth, with and without batch norm
=================================================

Sign networks trained straight through: mean squared gradients layer by layer, from the theory, and the same in
random networks of width 300.
"""

import matplotlib.pyplot as plt

import meanbits as mb

figure, axes = plt.subplots(figsize=(3.3, 3.0), layout="constrained")
kinds = {"none": {}, "batch norm": {"normalise": "batch"}, "skip": {"skip": "1"}}
for (label, blocks), marker in zip(kinds.items(), "os^", strict=True):
    layer = mb.compose("binaryconnect-ste", **blocks)
    found = mb.simulate(layer, 6, sigma_b2=0.0, width=300, realisations=6).sel(quantity="gradient")
    (line,) = axes.semilogy(found.layer, found.theory, label=label)
    axes.errorbar(found.layer, found["mean"], found.standard_error, fmt=marker, ms=3, color=line.get_color())
axes.set(xlabel="layer", ylabel="squared gradient, relative to the last")
axes.legend(frameon=False)
plt.show()
