"""Squared singular values of the depth-L Jacobian J = prod_l W_l D_l by free probability, width to infinity.

The factors are free, so S-transforms multiply (Voiculescu, J. Operator Theory 18 (1987) 223; for deep networks
Pennington, Schoenholz & Ganguli 2017, arXiv 1711.04735, and 2018, arXiv 1802.09979). With psi(t) = sum_k m_k t^k the
moment generating function of a law and chi its inverse, S(w) = chi(w) (1 + w) / w.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from meanbits.theory.symbols import sigma_m2

t, w, z = sp.symbols("t w z")
v, slope = sp.symbols("v slope")
mu_1, mu_2 = sp.symbols("mu_1 mu_2", positive=True)  # E slope^2 and E slope^4 of the neurons
depth = sp.Symbol("L", positive=True, integer=True)


@dataclass(frozen=True)
class WeightMatrix:
    """M / sqrt(N) of a layer, by the S-transform of W W^T, an expression in w."""

    name: str
    s_transform: sp.Expr

    @property
    def first_coefficient(self) -> sp.Expr:
        """s_1 of S = (1 + s_1 w + ...)/sigma_m2: -1 for independent entries, 0 for orthogonal rows (Pennington et al.).

        >>> INDEPENDENT.first_coefficient, ORTHOGONAL.first_coefficient
        (-1, 0)
        """
        return sp.cancel(self.s_transform.diff(w).subs(w, 0) / self.s_transform.subs(w, 0))


def _from_stieltjes(equation: sp.Expr, transform: sp.Symbol) -> sp.Expr:
    """S from an equation between z and the Stieltjes transform G(z): w = z G - 1 = psi(1/z), so chi(w) = 1/z."""
    steep, level = sp.Poly(sp.numer(sp.together(equation.subs(transform, (1 + w) / z))), z).all_coeffs()
    return sp.factor(-(1 + w) * steep / (w * level))


_G = sp.Symbol("G")
# Independent entries of variance sigma_m2/N, whatever their law (Marchenko & Pastur, Math. USSR Sb. 1 (1967) 457)
INDEPENDENT = WeightMatrix("independent", _from_stieltjes(sigma_m2 * z * _G**2 - z * _G + 1, _G))
# Orthogonal rows, W W^T = sigma_m2: such as sigma_m times a Hadamard matrix, whose entries are +-sigma_m
ORTHOGONAL = WeightMatrix("orthogonal", _from_stieltjes((z - sigma_m2) * _G - 1, _G))
WEIGHT_MATRICES: tuple[WeightMatrix, ...] = (INDEPENDENT, ORTHOGONAL)


@dataclass(frozen=True)
class Moments:
    """Of the squared singular values of J: their mean, and their variance relative to the squared mean."""

    mean: sp.Expr
    relative_variance: sp.Expr


def depth_moments(weights: WeightMatrix) -> Moments:
    """The first two moments at depth L, from log S = L (log S_W + log S_D) expanded at w = 0.

    S(w) = 1/m_1 (1 - (m_2 - m_1^2)/m_1^2 w + ...), so m_1 = 1/S(0), and the relative variance is -(log S)'(0).

    >>> depth_moments(INDEPENDENT)
    Moments(mean=(mu_1*sigma_m2)**L, relative_variance=L*mu_2/mu_1**2)
    >>> depth_moments(ORTHOGONAL).relative_variance
    -L*(mu_1**2 - mu_2)/mu_1**2
    """
    one_layer = weights.s_transform * slope_s_transform()
    mean = sp.simplify(1 / one_layer.subs(w, 0))
    growth = sp.factor(sp.simplify(-sp.log(one_layer).diff(w).subs(w, 0)))
    return Moments(mean**depth, depth * growth)


def slope_s_transform() -> sp.Expr:
    """S of the squared slopes to first order in w, from psi(t) = mu_1 t + mu_2 t^2 + ... inverted."""
    first, second = sp.symbols("a b")
    inverse = first * w + second * w**2
    excess = sp.Poly(sp.expand(mu_1 * inverse + mu_2 * inverse**2 - w), w)
    solved = sp.solve([excess.coeff_monomial(w), excess.coeff_monomial(w**2)], [first, second], dict=True)[0]
    expanded = sp.expand(((first + second * w) * (1 + w)).subs(solved))
    return expanded.coeff(w, 0) + w * expanded.coeff(w, 1)


def spectral_equation(weights: WeightMatrix) -> tuple[sp.Expr, sp.Expr]:
    """log z and d log z / d log t, for a squared singular value z at depth L, in t, w = psi_D(t), v = 1 + w and slope.

    S_D(w) = t (1 + w)/w at w = psi_D(t), so 1/z = chi(w) = w/(1 + w) (S_W(w) S_D(w))^L. `slope` is t psi_D'(t); v is
    kept apart because it vanishes where z does.
    """
    chi = w / (1 + w) * (weights.s_transform * t * (1 + w) / w) ** depth
    logarithm = -sp.expand_log(sp.log(sp.powsimp(chi, force=True)), force=True)
    rate = sp.apart(sp.simplify(t * logarithm.diff(t) + slope * logarithm.diff(w)), w)
    return logarithm.subs(1 + w, v), rate.subs(1 + w, v)
