"""How languages and array libraries write functions: NumPy and Torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

COMMON = {
    "ArcCosineDifference": "arc_cosine_difference",
    "ArcCosineKernel": "arc_cosine_kernel",
    "BoxApart": "box_apart",
    "BoxProbability": "box_probability",
    "ClipCovariance": "clip_covariance",
    "ClipDifference": "clip_difference",
    "ClipMean": "clip_mean",
    "DampedSinh": "damped_sinh",
    "ErfPair": "erf_pair",
    "ExpErfc": "exp_erfc",
    "LaplaceMean": "laplace_mean",
    "PiecewiseCurvature": "piecewise_curvature",
    "PiecewiseDifference": "piecewise_difference",
    "PiecewiseGrowth": "piecewise_growth",
    "PiecewiseMean": "piecewise_mean",
    "PiecewiseOverlap": "piecewise_overlap",
    "PiecewiseSlope": "piecewise_slope",
    "PiecewiseSlopeGrowth": "piecewise_slope_growth",
    "Portion": "portion",
    "Quotient": "quotient",
    "Scaled": "scaled",
    "Spike": "spike",
    "TanhCurvatureOverlap": "tanh_curvature_overlap",
    "TanhDifference": "tanh_difference",
    "TanhMean": "tanh_mean",
    "TanhOverlap": "tanh_overlap",
    "TanhOverlapGrowth": "tanh_overlap_growth",
    "TanhSlopeGrowth": "tanh_slope_growth",
    "TanhSlopeOverlap": "tanh_slope_overlap",
}
NUMPY_FUNCTIONS = COMMON | {
    "Abs": "np.abs", "asin": "np.arcsin", "atan": "np.arctan", "atan2": "np.arctan2", "cos": "np.cos",
    "cosh": "np.cosh", "exp": "np.exp", "erf": "special.erf", "erfc": "special.erfc", "log": "np.log",
    "sign": "np.sign", "sin": "np.sin", "sinh": "np.sinh", "tanh": "np.tanh", "HardTanh": "hard_tanh", "Box": "box",
    "Max": "np.maximum", "Softplus": "softplus",
}  # fmt: skip
TORCH_FUNCTIONS = COMMON | {
    "Abs": "torch.abs", "asin": "torch.asin", "atan": "torch.atan", "atan2": "torch.atan2", "cos": "torch.cos",
    "cosh": "torch.cosh", "exp": "torch.exp", "erf": "erf", "erfc": "torch.erfc", "log": "torch.log",
    "sign": "torch.sign", "sin": "torch.sin", "sinh": "torch.sinh", "tanh": "torch.tanh", "HardTanh": "hard_tanh",
    "Box": "box", "Max": "maximum", "Softplus": "softplus",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Conventions:
    """Names and idioms of a language or an array library.

    functions: SymPy function name -> source name. module: the name of the library in source. imports: the lines an
    emitted module may need. runtime: the modules whose definitions it may copy, in that order, by the name of one of
    the package or by path; together they are one namespace. below, above, between: how an array u is clipped. constant:
    how a branch of u that does not depend on it is written. guard: the line under which no kind of warning is given, or
    nothing where the library gives none. cast: how a value takes the common type of the arguments.
    """

    name: str
    functions: dict[str, str]
    module: str
    imports: tuple[str, ...]
    array_type: str
    argument_type: str
    runtime: tuple[str | Path, ...]
    below: str = "minimum(u, {high})"
    above: str = "maximum(u, {low})"
    between: str = "minimum(maximum(u, {low}), {high})"
    constant: str = "{} + 0 * u"
    guard: str = ""
    cast: str = "{0}"


IN_NUMPY = Conventions(
    name="numpy",
    functions=NUMPY_FUNCTIONS,
    module="np",
    imports=(
        "import math",
        "from collections.abc import Callable, Iterator",
        "from functools import cache",
        "from itertools import pairwise",
        "from typing import Any",
        "",
        "import numpy as np",
        "from numpy.typing import ArrayLike, NDArray",
        "from scipy import special",
    ),
    array_type="NDArray[np.float64]",
    argument_type="ArrayLike",
    runtime=(
        "elementwise_numpy",
        "quadrature_numpy",
        "gaussian_numpy",
        "gap_numpy",
        "smoothing_numpy",
        "broken_pairs_numpy",
        "far_numpy",
        "broken_numpy",
        "clipped_numpy",
        "mixture_numpy",
        "logistic_numpy",
        "shapes",
        "strips_numpy",
        "wide_numpy",
        "rises_numpy",
        "growth_numpy",
        "piecewise_numpy",
        "odd_means_numpy",
    ),
    below="np.minimum(u, {high})",
    above="np.maximum(u, {low})",
    between="np.clip(u, {low}, {high})",
    constant="{}",
    guard='with np.errstate({}="ignore"):',
    cast="np.asarray({}, dtype=np.result_type({}))[()]",
)
IN_TORCH = Conventions(
    name="torch",
    functions=TORCH_FUNCTIONS,
    module="torch",
    imports=(
        "import math",
        "from collections.abc import Callable, Iterator",
        "from functools import cache",
        "from itertools import pairwise",
        "from typing import Any, cast",
        "",
        "import torch",
        "from torch import Tensor",
    ),
    array_type="Tensor",
    argument_type="Tensor | float",
    runtime=(
        "elementwise_torch",
        "slopes_torch",
        "quadrature_torch",
        "gaussian_torch",
        "gap_torch",
        "smoothing_torch",
        "broken_pairs_torch",
        "broken_torch",
        "clipped_torch",
        "logistic_torch",
        "shapes",
        "strips_torch",
        "wide_torch",
        "rises_torch",
        "growth_torch",
        "piecewise_torch",
        "odd_means_torch",
    ),
    below="torch.clamp(u, max={high})",
    above="torch.clamp(u, min={low})",
    between="torch.clamp(u, min={low}, max={high})",
)
