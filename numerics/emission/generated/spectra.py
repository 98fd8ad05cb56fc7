"""What `numerics.spectra` reads, by `python -m meanbits.numerics.generate`."""

from collections.abc import Callable

import numpy as np

# Of rows of the catalogue with a Jacobian: where the slope of their neurons bends or jumps.
KINKS: dict[str, tuple[float, ...]] = {
    'continuous': (),
    'deterministic': (0.0,),
    'soudry': (0.0,),
    'lrt': (),
    'shayer': (),
    'moment-matching': (0.0,),
}

# Of products of free matrices, by the kind of the weights: s_1; what a layer adds to the relative variance of squared
# singular values, of the spread of squared slopes; log z and d log z / d log t.
FIRST_COEFFICIENTS: dict[str, int] = {
    'independent': -1,
    'orthogonal': 0,
}
GROWTHS: dict[str, Callable[[float], float]] = {
    'independent': lambda mu_2: mu_2,
    'orthogonal': lambda mu_2: -1 + mu_2,
}
EQUATIONS: dict[str, Callable[..., tuple[complex, complex]]] = {
    'independent': lambda log_t, log_w, w, v, slope, log_sigma_m2, L: (-log_w - L * (log_t - log_sigma_m2 - log_w) + np.log(v), -L + slope / v + slope * (-1 + L) / w),
    'orthogonal': lambda log_t, log_w, w, v, slope, log_sigma_m2, L: (-log_w - L * (log_t - log_sigma_m2 - log_w + np.log(v)) + np.log(v), -L + slope * (-1 + L) / w - slope * (-1 + L) / v),
}

# Of laws of the means on [-1, 1], whose scale is a function of sigma_m2: the largest sigma_m2, and E M^4.
LARGEST_VARIANCES: dict[str, float] = {
    'two-point': 1.0,
    'uniform': 0.3333333333333333,
    'beta': 1.0,
}
FOURTH_MOMENTS: dict[str, Callable[[float], float]] = {
    'two-point': lambda sigma_m2: sigma_m2 * sigma_m2,
    'uniform': lambda sigma_m2: 9 * sigma_m2 * sigma_m2 / 5,
    'beta': lambda sigma_m2: 3 * sigma_m2 * sigma_m2 / (1 + 2 * sigma_m2),
}
