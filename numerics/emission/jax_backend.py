"""JAX as a backend: functions for jit, vmap and grad."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import NoReturn

from meanbits.numerics.emission.backend import ArrayBackend
from meanbits.numerics.emission.conventions import COMMON
from meanbits.numerics.emission.slopes_writer import SlopesWriter
from meanbits.numerics.emission.writer import EmittedFunction, Heading, Quadrature
from meanbits.theory.errors import shown

SERVED = frozenset({
    "ArcCosineDifference", "ArcCosineKernel", "ClipMean", "DampedSinh", "ErfPair", "Portion", "Quotient", "Scaled",
    "Spike", "TanhCurvatureOverlap", "TanhDifference", "TanhMean", "TanhOverlap", "TanhOverlapGrowth",
    "TanhSlopeGrowth", "TanhSlopeOverlap",
})  # fmt: skip
FUNCTIONS = {name: own for name, own in COMMON.items() if name in SERVED} | {
    "Abs": "jnp.abs", "asin": "jnp.arcsin", "atan": "jnp.arctan", "atan2": "jnp.arctan2", "cos": "jnp.cos",
    "cosh": "jnp.cosh", "exp": "jnp.exp", "erf": "special.erf", "erfc": "special.erfc", "log": "jnp.log",
    "sign": "jnp.sign", "sin": "jnp.sin", "sinh": "jnp.sinh", "tanh": "jnp.tanh", "HardTanh": "hard_tanh",
    "Box": "box", "Max": "jnp.maximum", "Softplus": "softplus",
}  # fmt: skip


class JaxWriter(SlopesWriter):
    """Writes functions that JAX differentiates and compiles."""

    def _expectation(self, node: Quadrature) -> NoReturn:
        raise ValueError(f"jax has no quadrature for {shown(node)}; use numpy or torch, or choose neurons and noise "
                         "whose maps have a closed form")  # fmt: skip


class JaxBackend(ArrayBackend):
    """JAX, whose maps are right to their digits in float64."""

    def load(self, heading: Heading, functions: Sequence[EmittedFunction]) -> SimpleNamespace:
        """The functions of the module that is written, as attributes.

        Raises:
            ValueError: without JAX, or in its default precision, in which arguments lose half their digits.
        """
        try:
            import jax
        except ModuleNotFoundError:
            raise ValueError("backend 'jax' needs JAX: pip install 'meanbits[jax]'") from None
        if jax.numpy.result_type(float) != "float64":
            raise ValueError("JAX is in single precision: call jax.config.update('jax_enable_x64', True) first; arrays "
                             "of float32 then stay so")  # fmt: skip
        return super().load(heading, functions)


JAX = JaxBackend(
    name="jax",
    functions=FUNCTIONS,
    module="jnp",
    imports=(
        "from collections.abc import Callable",
        "from functools import cache",
        "from typing import Any",
        "",
        "import jax",
        "import jax.numpy as jnp",
        "import numpy as np",
        "from jax.scipy import special",
    ),
    array_type="jax.Array",
    argument_type="jax.Array | float",
    runtime=("elementwise_jax", "mixture_numpy", "logistic_jax", "odd_means_jax"),
    writer=JaxWriter,
)
