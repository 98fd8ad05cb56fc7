"""Every symbol of the theory, with its assumptions and meaning, once."""

from __future__ import annotations

import sympy as sp

# Indices and sizes
N = sp.Symbol("N", positive=True, integer=True)
i, j, k = sp.symbols("i j k", positive=True, integer=True)

# The network: weights S with means M and second moments R, states x with means m and second moments r
S, x, M, R, m, r, b = (sp.IndexedBase(name) for name in ("S", "x", "M", "R", "m", "r", "b"))
mean_weight = sp.Symbol("M", real=True)
mean_state = sp.Symbol("m", real=True)
second_moment_state = sp.Symbol("r", nonnegative=True)
h = sp.Symbol("h", real=True)
hbar = sp.Symbol("hbar", real=True)
Sigma = sp.Symbol("Sigma", positive=True)
epsilon = sp.Symbol("epsilon", real=True)
hbar_added = sp.Symbol("hbar_F", real=True)
Sigma_added = sp.Symbol("Sigma_F", positive=True)

# Bound variables of Gaussian expectations: fixed, so that equal expectations are equal expressions
u, v = sp.symbols("u v", real=True)

# Mean-field order parameters (theory at initialisation)
sigma_m2 = sp.Symbol("sigma_m2", nonnegative=True)
sigma_b2 = sp.Symbol("sigma_b2", nonnegative=True)
rho = sp.Symbol("rho", positive=True)
A = sp.Symbol("A", nonnegative=True)
B = sp.Symbol("B", nonnegative=True)
C = sp.Symbol("C", real=True)
Q = sp.Symbol("Q", positive=True)
Q_ab = sp.Symbol("Q_ab", real=True)
D = sp.Symbol("D", positive=True)
T = sp.Symbol("T", positive=True)
q = sp.Symbol("q", positive=True)
c = sp.Symbol("c", real=True)
gap = sp.Symbol("gap", nonnegative=True)
overlap = sp.Symbol("r", real=True)
typical = sp.Symbol("typical", real=True)
mu_4 = sp.Symbol("mu_4", nonnegative=True)

# What a declaration may not use as names of its own
RESERVED: tuple[sp.Symbol, ...] = (
    N, mean_weight, mean_state, second_moment_state, h, hbar, Sigma, epsilon, u, v, sigma_m2, sigma_b2, A, B, C, Q,
    Q_ab, D, T, q, c, gap, overlap, typical, mu_4,
)  # fmt: skip

MEANING: dict[sp.Symbol, str] = {
    hbar: "mean of the field given the weight means, sum_j M_ij m_j / sqrt(N) + b_i",
    Sigma: "variance of the field, (1/N) sum_j (R_ij r_j - M_ij^2 m_j^2)",
    hbar_added: "mean of what a skip adds to a field",
    Sigma_added: "variance of what a skip adds to a field, independent of it",
    sigma_m2: "variance of the weight means, E M^2",
    sigma_b2: "variance of the biases",
    rho: "second moment of the weights, E S^2",
    A: "mean square of the propagated state, E m^2",
    B: "second moment of the state, E x^2",
    C: "overlap of the propagated states of two inputs, E m_a m_b",
    Q: "quenched field variance, sigma_m2 A + sigma_b2",
    Q_ab: "quenched field covariance of two inputs, sigma_m2 C + sigma_b2",
    D: "annealed field variance, rho B - sigma_m2 A",
    T: "total field variance, Q + D = rho B + sigma_b2",
    q: "Q/D where the field is marginalised, the field variance T where it is sampled or sharp",
    c: "correlation of the fields of two inputs",
    gap: "1 - c, in [0, 2]",
    overlap: "replica overlap of the fields, Q_ab / T",
    typical: "correlation of the fields of a typical pair of the batch, which batch norm takes away",
    mu_4: "fourth moment of the weight means, E M^4",
}
