"""Jacobians in numbers: their singular values, isometry and 1/N terms."""
