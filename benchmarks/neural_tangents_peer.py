"""The same work by neural-tangents, run by the interpreter of an environment of its own; prints one JSON document.

neural-tangents==0.6.5 needs jax==0.5.3, jaxlib==0.5.3 and tf2jax==0.3.7. Only this file is run there.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from neural_tangents import stax  # noqa: E402
from neural_tangents._src.utils.kernel import Kernel  # noqa: E402

POINTS, SIDE, LAYERS, DEGREE = 10**6, 200, 60, 25


def pairs(kernel_fn: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """E f(u) f(v) of pairs of one variance, by a stax layer."""

    def overlap(covariance: Any, variance: Any) -> Any:
        state = Kernel(
            nngp=covariance.reshape(1, 1), ntk=None, cov1=variance.reshape(1), cov2=variance.reshape(1),
            x1_is_x2=jnp.array(False), is_gaussian=True, is_reversed=False, is_input=False, diagonal_batch=True,
            diagonal_spatial=False, shape1=(1, 1), shape2=(1, 1), batch_axis=0, channel_axis=1,
        )  # fmt: skip
        return kernel_fn(state).nngp[0, 0]

    return jax.jit(jax.vmap(overlap))


def seconds(case: Callable[[], Any], rounds: int = 7) -> float:
    """Median, compiled before."""
    jax.block_until_ready(case())
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        jax.block_until_ready(case())
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def diagram(overlap: Callable[[Any, Any], Any]) -> Callable[[], Any]:
    """q by iteration and chi_1 by automatic differentiation over (sigma_m2, sigma_b2)."""
    means, biases = (axis.ravel() for axis in jnp.meshgrid(jnp.linspace(0.1, 4, SIDE), jnp.linspace(0, 1, SIDE)))

    @jax.jit
    def solve() -> Any:
        q = jax.lax.fori_loop(0, LAYERS, lambda _, q: means * overlap(q, q) + biases, jnp.ones_like(means))
        slope = jax.jvp(lambda covariance: overlap(covariance, q), (q * (1 - 1e-12),), (jnp.ones_like(q),))[1]
        return q, means * slope

    return solve


def main() -> None:
    """Measure at the points saved in the file named on the command line: c and q."""
    with np.load(sys.argv[1]) as points:
        c, q = jnp.asarray(points["c"]), jnp.asarray(points["q"])
    layers = {"erf": stax.Erf()[2], "tanh": stax.ElementwiseNumerical(jnp.tanh, deg=DEGREE)[2]}
    overlaps = {name: pairs(layer) for name, layer in layers.items()}
    result: dict[str, Any] = {name: {"seconds": seconds(lambda f=f: f(c * q, q)), "values":
                                     np.asarray(f(c[:1000] * q[:1000], q[:1000])).tolist()} for name, f in
                              overlaps.items()}  # fmt: skip
    result["diagram"] = {"seconds": seconds(diagram(overlaps["erf"]))}
    one, nearly = jnp.ones(1), jnp.full(1, 1 - 1e-15)
    alike, apart = overlaps["erf"](one, one), overlaps["erf"](nearly, one)
    result["gap"] = float(((alike - apart) / alike)[0])
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
