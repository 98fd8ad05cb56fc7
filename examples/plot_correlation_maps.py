"""
Correlation maps of three neurons
=================================

One layer of real weights: how the correlation of two inputs changes. Where a map leaves c = 1 more steeply than the
diagonal, inputs are driven apart.
"""

import matplotlib.pyplot as plt
import numpy as np

import meanbits as mb

c = np.linspace(-1, 1, 401)
figure, axes = plt.subplots(figsize=(3.3, 3.0), layout="constrained")
for neurons, line in (("tanh", "-"), ("relu", "--"), ("sign", ":")):
    surrogate = mb.compose("continuous", neurons=neurons)
    q = float(mb.fixed_point(surrogate, sigma_m2=1.8, sigma_b2=0.05).q)
    maps = mb.compile(mb.derive(surrogate))
    axes.plot(c, maps.correlation_map(c, q, 1.8, 0.05), line, label=neurons)
axes.plot(c, c, color="0.7", linewidth=0.8)
axes.set(xlabel="correlation c", ylabel="behind a layer c'", xlim=(-1, 1), ylim=(-1, 1))
axes.legend(frameon=False)
plt.show()
