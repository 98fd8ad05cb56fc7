"""Laws of the weight means M at initialisation, symmetric on [-1, 1]: declared by density and atoms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import mpmath
import sympy as sp

from meanbits.theory.declarations.options import nearest
from meanbits.theory.symbols import mean_weight, sigma_m2

scale = sp.Symbol("s", positive=True)
SCALES, NOTHING = (sp.Rational(3, 2), sp.Integer(2)), 1e-12  # where probabilities are summed, and what they may miss
DIGITS = 80  # the variance of a clipped Gaussian cancels as scale^2, and 1 - sigma_m2 may be as small as 1e-16


@dataclass(frozen=True)
class MeanLaw:
    """A symmetric law of M with one parameter, `scale`.

    density: of the continuous part on (-edge, edge), an expression in M and `scale`. atom: the probability of each of
    the values -edge and edge. The weights' means lie in [-limit, limit], limit 1 unless a method is told otherwise
    (ternary weights have |M| <= P(S != 0)); the law is then that of limit * M.

    Raises:
        ValueError: if the probabilities do not sum to 1.
    """

    name: str
    density: sp.Expr
    edge: sp.Expr
    atom: sp.Expr

    def __post_init__(self) -> None:
        if any(abs(_total(self, value) - 1) > NOTHING for value in SCALES):
            raise ValueError(f"mean law {self.name}: its probabilities sum to {self.moment(0)}, not to 1")

    def moment(self, order: int) -> sp.Expr:
        """E M^order in terms of `scale`, by integration; 0 for odd orders."""
        return sp.S.Zero if order % 2 else _moment(self.density, self.edge, self.atom, order)

    @property
    def largest_sigma_m2(self) -> float:
        """The largest E M^2 with |M| <= 1."""
        return float(_largest(self))

    @property
    def fourth_moment_formula(self) -> sp.Expr | None:
        """E M^4 in terms of sigma_m2; None where the scale is no closed function of it.

        >>> print(*(law.fourth_moment_formula for law in MEAN_LAWS))
        sigma_m2**2 None 9*sigma_m2**2/5 3*sigma_m2**2/(2*sigma_m2 + 1)
        """
        inverse = _inverse(self)
        return None if inverse is None else sp.factor(sp.simplify(self.moment(4).subs(scale, inverse)))

    def fourth_moment(self, sigma_m2: float, limit: float = 1.0) -> float:
        """E M^4 at E M^2 = sigma_m2, correctly rounded but for a few units of the last place.

        Raises:
            ValueError: if no law of this shape on [-limit, limit] has that variance.

        >>> round(mean_law("clipped-gaussian").fourth_moment(0.5), 12)
        0.411512500815
        """
        relative = self.require(sigma_m2, limit)
        with mpmath.workdps(_digits(relative)):
            constant = relative in (0, 1)  # M^2 <= 1 is then its own mean almost surely
            moment = relative if constant else _evaluated(self.moment(4), scale, _solved(self, relative))
            return float(mpmath.mpf(limit) ** 4 * moment)

    def scale_of(self, sigma_m2: float, limit: float = 1.0) -> float:
        """The value of `scale` at E M^2 = sigma_m2 > 0, of the law before it is multiplied by limit.

        Raises:
            ValueError: if no law of this shape on [-limit, limit] has that variance, or only a degenerate one.
        """
        relative = self.require(sigma_m2, limit)
        if relative == 0 or (relative == 1 and not self.edge.has(scale)):
            raise ValueError(f"sigma_m2 = {sigma_m2:g}: the {self.name} law is then a limit, without a scale")
        with mpmath.workdps(_digits(relative)):
            return float(_solved(self, relative))

    def require(self, sigma_m2: float, limit: float = 1.0) -> mpmath.mpf:
        """E M^2 / limit^2 = sigma_m2 / limit^2.

        Raises:
            ValueError: if no law of this shape on [-limit, limit] has that variance.
        """
        with mpmath.workdps(DIGITS):
            relative = mpmath.mpf(sigma_m2) / mpmath.mpf(limit) ** 2
            if not 0 <= relative <= mpmath.mpf(_largest(self).p) / _largest(self).q + mpmath.eps:
                top = self.largest_sigma_m2 * limit**2
                raise ValueError(f"sigma_m2 = {sigma_m2:g}: the {self.name} law on [-{limit:g}, {limit:g}] has at most "
                                 f"{top:g}; use two-point, or a smaller sigma_m2")  # fmt: skip
            return relative


def _digits(relative: mpmath.mpf) -> int:
    """Those that are left where a fourth moment cancels as the square of a small variance."""
    return DIGITS + (max(0, -2 * int(mpmath.log10(relative))) if relative else 0)


_VARIANCE = sigma_m2


def _total(law: MeanLaw, at: sp.Expr) -> mpmath.mpf:
    """The sum of the probabilities at a scale: M = edge tanh(t) by the trapezoidal rule, which converges at once."""
    with mpmath.workdps(40):
        edge, atom, density = (part.subs(scale, at) for part in (law.edge, law.atom, law.density))
        edge, atom = (mpmath.mpf(sp.N(part, 40)) for part in (edge, atom))
        weight = sp.lambdify(mean_weight, density, modules="mpmath")
        steps = [mpmath.mpf(k) / 6 for k in range(-120, 121)]
        return 2 * atom + sum(weight(edge * mpmath.tanh(t)) * mpmath.sech(t) ** 2 for t in steps) * edge / 6


@lru_cache(maxsize=64)
def _moment(density: sp.Expr, edge: sp.Expr, atom: sp.Expr, order: int) -> sp.Expr:
    if density == 0:
        return 2 * atom * edge**order
    half = sp.integrate(mean_weight**order * density, (mean_weight, 0, edge), risch=False, heurisch=False)
    gammas = sp.expand_func(sp.expand_func(2 * half).rewrite(sp.gamma))
    return sp.expand(sp.simplify((gammas + 2 * atom * edge**order).rewrite(sp.erf)))


@lru_cache(maxsize=64)
def _largest(law: MeanLaw) -> sp.Rational:
    if law.edge.has(scale):
        return sp.Rational(law.moment(2).subs(scale, sp.solve(law.edge - 1, scale)[0]))
    return sp.Rational(max(sp.limit(law.moment(2), scale, end) for end in (0, sp.oo)))


@lru_cache(maxsize=64)
def _inverse(law: MeanLaw) -> sp.Expr | None:
    """The scale in terms of sigma_m2, where the variance is a rational function of it."""
    if not law.moment(2).is_rational_function(scale):
        return None
    roots = map(sp.factor, sp.solve(law.moment(2) - _VARIANCE, scale, simplify=False))  # simplify loads all units
    return next(root for root in roots if root.subs(_VARIANCE, sp.Rational(1, 10)) > 0)


def _solved(law: MeanLaw, relative: mpmath.mpf) -> mpmath.mpf:
    """The scale with E M^2 = relative; where it has no closed form, a root in log scale of the log odds of E M^2."""
    inverse = _inverse(law)
    if inverse is not None:
        return _evaluated(inverse, _VARIANCE, relative)
    variance = sp.lambdify(scale, law.moment(2), modules="mpmath")

    def excess(log_scale: mpmath.mpf) -> mpmath.mpf:
        found = variance(mpmath.exp(log_scale))
        return mpmath.log(found / relative) - mpmath.log((1 - found) / (1 - relative))

    start = mpmath.log(relative) / 2 - mpmath.log(1 - relative)  # right at both ends, up to a constant
    return mpmath.exp(mpmath.findroot(excess, (start, start + 1), solver="secant"))


def _evaluated(expression: sp.Expr, symbol: sp.Symbol, value: mpmath.mpf) -> mpmath.mpf:
    return sp.lambdify(symbol, expression, modules="mpmath")(value)


_GAUSSIAN = sp.exp(-(mean_weight**2) / (2 * scale**2)) / (scale * sp.sqrt(2 * sp.pi))
_BETA = (1 - mean_weight**2) ** (scale - 1) / sp.beta(sp.Rational(1, 2), scale)

MEAN_LAWS: tuple[MeanLaw, ...] = (
    MeanLaw("two-point", sp.S.Zero, scale, sp.Rational(1, 2)),
    MeanLaw("clipped-gaussian", _GAUSSIAN, sp.S.One, sp.erfc(1 / (sp.sqrt(2) * scale)) / 2),
    MeanLaw("uniform", 1 / (2 * scale), scale, sp.S.Zero),
    MeanLaw("beta", _BETA, sp.S.One, sp.S.Zero),
)


def mean_law(name: str) -> MeanLaw:
    """The law of that name.

    Raises:
        ValueError: an unknown name, with the nearest one.
    """
    known = {law.name: law for law in MEAN_LAWS}
    if name not in known:
        raise ValueError(f"unknown law of the means '{name}'{nearest(name, known)}")
    return known[name]
