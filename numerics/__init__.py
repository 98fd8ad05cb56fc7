"""Arrays: generated formulas, quadrature, solvers and the exact chain."""
