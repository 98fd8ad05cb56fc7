"""The same work by neural-tangents, in an interpreter of its own; `benchmarks.peer` starts this file there.

It needs nothing of meanbits. The command line names a file with c, q, sigma_m2, sigma_b2, the axes `means` and `biases`
of a phase diagram, small `gaps`, and the number `few`. Each line on the standard input names a case; the answer, once
it has run, is a line of JSON: seconds of the processor, and about `few` of its values, evenly spaced.
"""

from __future__ import annotations

import json
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

LAYERS, DEGREE, TANH_SHARE = 60, 25, 20  # the degree that it advises; tanh runs on one in so many points
Overlaps = Callable[[Any, Any], tuple[Any, Any]]


def pairs(kernel_fn: Callable[..., Any]) -> Overlaps:
    """E f(u) f(v) of pairs of one variance, and E f(u)^2, by a stax layer."""

    def overlaps(covariance: Any, variance: Any) -> tuple[Any, Any]:
        state = Kernel(
            nngp=covariance.reshape(1, 1), ntk=None, cov1=variance.reshape(1), cov2=variance.reshape(1),
            x1_is_x2=jnp.array(False), is_gaussian=True, is_reversed=False, is_input=False, diagonal_batch=True,
            diagonal_spatial=False, shape1=(1, 1), shape2=(1, 1), batch_axis=0, channel_axis=1,
        )  # fmt: skip
        after = kernel_fn(state)
        return after.nngp[0, 0], after.cov1[0]

    return jax.vmap(overlaps)


def correlation_map(overlaps: Overlaps, sigma_m2: float, sigma_b2: float) -> Callable[[Any, Any], Any]:
    """c' at (c, q)."""

    @jax.jit
    def at(c: Any, q: Any) -> Any:
        overlap, alike = overlaps(c * q, q)
        return (sigma_b2 + sigma_m2 * overlap) / (sigma_b2 + sigma_m2 * alike)

    return at


def diagram(overlaps: Overlaps, means: Any, biases: Any) -> Callable[[Any, Any], Any]:
    """q by iteration and chi_1 by automatic differentiation over (sigma_m2, sigma_b2); returns chi_1."""

    @jax.jit
    def solve(means: Any, biases: Any) -> Any:
        q = jax.lax.fori_loop(0, LAYERS, lambda _, q: means * overlaps(q, q)[0] + biases, jnp.ones_like(means))
        near = q * (1 - 1e-12)
        return means * jax.jvp(lambda covariance: overlaps(covariance, q)[0], (near,), (jnp.ones_like(q),))[1]

    grid = [axis.ravel() for axis in jnp.meshgrid(means, biases, indexing="ij")]
    return lambda: solve(*grid)


def cases(points: Any) -> dict[str, Callable[[], Any]]:
    """What the lines on the standard input may name."""
    c, q = jnp.asarray(points["c"]), jnp.asarray(points["q"])
    means = float(points["sigma_m2"]), float(points["sigma_b2"])
    erf, tanh = (pairs(layer[2]) for layer in (stax.Erf(), stax.ElementwiseNumerical(jnp.tanh, deg=DEGREE)))
    maps = {"erf": correlation_map(erf, *means), "tanh": correlation_map(tanh, *means)}
    share = slice(c.size // TANH_SHARE)
    nearly = 1 - jnp.asarray(points["gaps"])
    return {
        "erf map": lambda: maps["erf"](c, q),
        "tanh map": lambda: maps["tanh"](c[share], q[share]),
        "phase diagram": diagram(erf, jnp.asarray(points["means"]), jnp.asarray(points["biases"])),
        "small gap": lambda: 1 - maps["erf"](nearly, jnp.ones_like(nearly)),
    }


def main() -> None:
    """Answer until the standard input ends."""
    with np.load(sys.argv[1]) as points:
        known, few = cases(points), int(points["few"])
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        before = time.process_time()
        values = jax.block_until_ready(known[line.strip()]())
        spent = time.process_time() - before
        print(json.dumps((spent, np.asarray(values[:: max(1, values.size // few)]).tolist())), flush=True)


if __name__ == "__main__":
    main()
