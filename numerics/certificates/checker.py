"""Verify a certificate of criticality by itself: python checker.py F.json, with python-flint and nothing else.

What statements mean, and the theorems that lead from facts to statements, are in docs/certificates.md. No step is
trusted: each is computed anew in balls and establishes a fact about the model, whose functions are formed here.
"""

from __future__ import annotations

import json
import re
import sys
from functools import lru_cache, reduce
from itertools import accumulate, pairwise
from operator import add, mul
from pathlib import Path
from typing import Any, TypeAlias

from flint import acb, arb, ctx, fmpq

Tree: TypeAlias = tuple[Any, ...]
FORMAT = "meanbits certificate 1"
LONGEST, DEEPEST, MOST_POWER = 200_000, 30, 64  # file or expression in characters, its nesting, powers
MOST_WORK, EVALUATIONS, ORDERS, PRECISION = 2_000_000, 20_000, 4, 128
NUMBER = re.compile(r"-?[0-9]{1,60}(/[1-9][0-9]{0,59})?")
STATEMENT = {"surrogate", "verdict", "largest sigma_m2", "point"}
REFUSALS = ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError, StopIteration
INFINITY = arb.pos_inf()


class RefusedError(Exception):
    """Why a certificate is not accepted, in one line."""


def need(condition: Any, reason: str) -> None:
    """Refuse unless a condition is certain."""
    if not condition:
        raise RefusedError(reason)


def number(value: Any) -> fmpq:
    """An integer, or a string "p/q"."""
    need(type(value) in (int, str) and NUMBER.fullmatch(str(value)), "a number is an integer or 'p/q', of 60 digits")
    upper, _, lower = str(value).partition("/")
    return fmpq(int(upper), int(lower or 1))


# Expressions: ("number", fmpq), ("x",), ("pi",), ("+", ..), ("*", ..), ("^", base, int), functions of one argument.
ZERO, ONE, X, PI = ("number", fmpq(0)), ("number", fmpq(1)), ("x",), ("pi",)


def parsed(value: Any, depth: int = 0) -> Tree:
    """The expression of a JSON list, number, "x" or "pi"."""
    need(depth <= DEEPEST, "an expression is nested too deeply")
    if not isinstance(value, list):
        return (value,) if value == "x" or value == "pi" else ("number", number(value))
    name, *given = value
    if name == "^":
        need(type(given[1]) is int and 0 < abs(given[1]) <= MOST_POWER and len(given) == 2, "^ takes an integer power")
        return ("^", parsed(given[0], depth + 1), given[1])
    need(
        (name in ("+", "*") and 0 < len(given) <= MOST_POWER) or (name in FUNCTIONS and len(given) == 1),
        "no such function",
    )
    return (name, *(parsed(each, depth + 1) for each in given))


def plus(*terms: Tree) -> Tree:
    """A sum."""
    kept = [term for term in terms if term != ZERO] or [ZERO]
    return ("+", *kept) if len(kept) > 1 else kept[0]


def times(*factors: Tree | int) -> Tree:
    """A product."""
    trees: list[Tree] = [("number", fmpq(each)) if isinstance(each, int) else each for each in factors]
    kept = [part for tree in trees if tree != ONE for part in (tree[1:] if tree[0] == "*" else (tree,))] or [ONE]
    return ZERO if ZERO in kept else ("*", *kept) if len(kept) > 1 else kept[0]


FUNCTIONS: dict[str, tuple[Any, Any, Any, Any]] = {
    # value, derivative, and of those that increase the limits at -oo (log, sqrt: at 0) and oo
    "exp": (lambda z, _: z.exp(), lambda a: ("exp", a), 0, INFINITY),
    "tanh": (lambda z, _: z.tanh(), lambda a: plus(ONE, times(-1, ("^", ("tanh", a), 2))), -1, 1),
    "erf": (lambda z, _: z.erf(), lambda a: times(2, ("^", ("sqrt", PI), -1), ("exp", times(-1, ("^", a, 2)))), -1, 1),
    "log": (lambda z, cut: z.log() if isinstance(z, arb) else z.log(analytic=cut),
            lambda a: ("^", a, -1), -INFINITY, INFINITY),
    "sqrt": (lambda z, cut: z.sqrt() if isinstance(z, arb) else z.sqrt(analytic=cut),
             lambda a: ("^", times(2, ("sqrt", a)), -1), 0, INFINITY),
    "sin": (lambda z, _: z.sin(), lambda a: ("cos", a), None, None),
    "cos": (lambda z, _: z.cos(), lambda a: times(-1, ("sin", a)), None, None),
}  # fmt: skip


@lru_cache(maxsize=4096)
def derivative(tree: Tree) -> Tree:
    """d/dx."""
    name, *rest = tree
    if name == "+":
        found = plus(*map(derivative, rest))
    elif name == "*":
        found = plus(*(times(*rest[:k], derivative(factor), *rest[k + 1 :]) for k, factor in enumerate(rest)))
    elif name == "^":
        lower = {0: ONE, 1: rest[0]}.get(rest[1] - 1, ("^", rest[0], rest[1] - 1))
        found = times(rest[1], lower, derivative(rest[0]))
    elif name in FUNCTIONS:
        found = times(FUNCTIONS[name][1](rest[0]), derivative(rest[0]))
    else:
        found = ONE if name == "x" else ZERO
    need(len(repr(found)) <= LONGEST, "the derivative of an expression is too long")
    return found


work = {"left": MOST_WORK}  # parts of expressions that may still be computed


def ball(tree: Tree, x: Any = None, analytic: bool = False) -> Any:
    """Its value at a ball or `Span`, which holds its values at all points of it; NaN where the work is spent."""
    values: dict[int, Any] = {}

    def value(part: Tree) -> Any:
        name, *rest = part
        given = [values[id(each)] if id(each) in values else value(each) for each in rest if isinstance(each, tuple)]
        if name in FUNCTIONS:
            found = given[0].apply(name) if isinstance(x, Span) else FUNCTIONS[name][0](given[0], analytic)
        elif name == "^":
            found = reduce(mul, given * abs(rest[1]))  # a logarithm would not do where it holds 0
            found = found if rest[1] > 0 else 1 / found
        elif given:
            found = reduce(add if name == "+" else mul, given)
            if X in rest and name == "*" and isinstance(x, Span) and found.low.is_nan():
                found = _decaying(rest, x)
        else:
            found = x if name == "x" else arb.pi() if name == "pi" else arb(rest[0])
            found = Span(found, found) if isinstance(x, Span) and found is not x else found
        values[id(part)] = found
        return found

    found = value(tree)
    work["left"] -= len(values)
    return found if work["left"] > 0 or isinstance(x, Span) else arb.nan()


class Span:
    """Bounds of what an expression does on a range, infinite perhaps; NaN where they are not known."""

    def __init__(self, low: Any, high: Any) -> None:
        self.low, self.high = low.lower(), high.upper()

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.high + other.high)

    def __mul__(self, other: Span) -> Span:
        corners = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Span(reduce(arb.min, corners), reduce(arb.max, corners))

    def __rtruediv__(self, one: int) -> Span:
        known = self.low > 0 or self.high < 0
        return Span(one / self.high, one / self.low) if known else Span(arb.nan(), arb.nan())

    def apply(self, name: str) -> Span:
        """A function of it."""
        function, _, below, above = FUNCTIONS[name]
        if below is None:
            return Span(arb(-1), arb(1)) if self.low <= self.high else self
        least = 0 if name in ("log", "sqrt") else -INFINITY
        ends = [arb(below) if end == least else arb(above) if end == INFINITY else function(end, False)
                for end in (self.low, self.high)]  # fmt: skip
        return Span(ends[0].max(arb(below)), ends[1].min(arb(above)))


def _decaying(factors: list[Tree], x: Span) -> Span:
    """Bounds of x^n exp(a) times the rest: beyond x it falls to 0 or more where n + x a' <= 0."""
    count, exponent = factors.count(X), plus(*(each[1] for each in factors if each[0] == "exp"))
    falls = ball(plus(("number", fmpq(count)), times(X, derivative(exponent))), x).high <= 0
    largest = ball(times(("^", X, max(count, 1)), ("exp", exponent)), x.low) if falls and count else arb.nan()
    return ball(times(*(each for each in factors if each != X and each[0] != "exp")), x) * Span(arb(0), largest)


def growth(tree: Tree, cut: Any) -> tuple[Any, int]:
    """(C, n) with |f(x)| <= C x^n beyond a cut, which is at least 1."""
    bounds = ball(tree, Span(cut, INFINITY))
    if bounds.low.is_finite() and bounds.high.is_finite():
        return abs(bounds.low).max(abs(bounds.high)), 0
    need(tree == X or tree[0] in ("+", "*") or (tree[0] == "^" and tree[2] > 0), "a function has no bound by a power")
    inner = [growth(each, cut) for each in tree[1:] if isinstance(each, tuple)]
    if tree[0] == "+":
        return sum((size for size, _ in inner), arb(0)), max(order for _, order in inner)
    inner = inner * tree[2] if tree[0] == "^" else inner
    return reduce(mul, (size for size, _ in inner), arb(1)), sum(order for _, order in inner) + int(tree == X)


def inserted(tree: Tree, value: Tree) -> Tree:
    """The expression with another one for x."""
    name, *inner = (inserted(each, value) if isinstance(each, tuple) else each for each in tree)
    return value if tree == X else plus(*inner) if name == "+" else times(*inner) if name == "*" else (name, *inner)


class Neuron:
    """phi = E[x|h], on parts of h = x > 0 and of h = -x < 0; of h = x alone where it is odd."""

    def __init__(self, data: Any) -> None:
        self.odd, self.sides, meetings = data["down"] is None, [], []
        for side in (data["up"],) if self.odd else (data["up"], data["down"]):  # [[left end, expression], ..]
            ends, trees = [parsed(left) for left, _ in side], [parsed(tree) for _, tree in side]
            places = [ball(end, arb.nan()) for end in ends]
            need(places[0] == 0 and all(a < b for a, b in pairwise(places)), "parts do not follow on each other")
            self.sides.append(list(zip(places, [*places[1:], None], trees, strict=True)))
            inner = zip(pairwise(trees), ends[1:], strict=True)
            meetings += [tuple(inserted(tree, end) for tree in pair) for pair, end in inner]
        starts = [inserted(side[0][2], ZERO) for side in self.sides]
        self.starts_at_zero = all(ball(start) == 0 for start in starts)
        meetings = [(starts[0], times(-1, starts[0]) if self.odd else starts[1]), *meetings]
        self.gaps = [ball(one) - ball(two) for one, two in meetings]  # where neighbouring parts meet, at 0 first
        self.is_continuous = all(one == two or ball(one) - ball(two) == 0 for one, two in meetings)
        self.parts = [part for side in self.sides for part in side]

    def mean(self, function: Any, variance: Any) -> Any:
        """E f(w), w ~ N(0, V), f even where phi is odd; beyond X |f| <= C x^n, x^n e^(-x^2/4V) falls if X^2 >= 2nV."""
        need(variance > 0, "a variance is not positive")
        total, decay, reach = arb(0), acb(1 / (2 * variance)), (arb(2 * ctx.prec).sqrt() + 1) * variance.sqrt() + 1
        for left, right, part in self.parts:
            tree, cut = function(part), (left + reach).upper() if right is None else right
            if right is None:
                size, order = growth(tree, cut)
                need(cut * cut >= 2 * order * variance, "a cut is too close for the tail beyond it")
                slowest = size * cut**order * (-(cut * cut) / (4 * variance)).exp()
                total += arb(0, 1) * slowest * (cut / (2 * variance.sqrt())).erfc() / arb(2).sqrt()

            def integrand(z: Any, analytic: bool, tree: Tree = tree) -> Any:
                return acb(ball(tree, z, analytic)) * (-(z * z) * decay).exp()

            value = acb.integral(integrand, acb(left), acb(cut), eval_limit=EVALUATIONS)
            need(value.is_finite(), "a Gaussian mean has no finite enclosure, or takes too much work")
            total += value.real * (2 * arb.pi() * variance).rsqrt()
        return total * (2 if self.odd else 1)

    def moments(self, variance: Any) -> list[Any]:
        """E phi'^2, E phi^2 and E w phi phi'."""
        made = (lambda tree: ("^", derivative(tree), 2), lambda tree: ("^", tree, 2),
                lambda tree: times(X, tree, derivative(tree)))  # fmt: skip
        return [self.mean(function, variance) for function in made]

    def at(self, point: Any, function: Any = lambda tree: tree) -> Any:
        """A function of the neuron at |point|, on the side of the point and inside a part."""
        side, place = self.sides[-1 if point < 0 else 0], abs(arb(point))
        return next(ball(function(tree), place) for left, right, tree in side
                    if left < place and (right is None or place < right))  # fmt: skip


def weights(data: Any) -> tuple[Any, Any]:
    """(rho, largest sigma_m2): P(S = v) = a + b M with |M|^2 <= largest; S = M has equal ones, or both None."""
    values, largest = data["values"], data["largest"]
    if values is None:
        return (None, None) if largest is None else (number(largest), number(largest))
    rows, limit = [[number(v), number(a), number(b)] for v, a, b in values], number(largest)
    moments = [[sum((row[0] ** k * row[i] for row in rows), fmpq(0)) for i in (1, 2)] for k in range(3)]
    need(moments[:2] == [[1, 0], [0, 1]] and moments[2][1] == 0, "the weights do not have mean M and one E S^2")
    need(all(a >= 0 and a * a >= b * b * limit for _, a, b in rows), "a probability may be negative")
    return moments[2][0], limit


class Model:
    """A surrogate: "overlap" where its replica map is exact, "form" of phi(kappa w), "norm" behind batch norm."""

    def __init__(self, data: Any) -> None:
        self.kind, self.bits, self.integrated, gain = (data[name] for name in ("kind", "bits", "integrated", "gain^2"))
        self.neuron, (self.rho, self.largest) = Neuron(data["neuron"]), weights(data["weights"])
        self.form = self.kind == "form"
        need(self.kind in ("overlap", "form", "norm", "single layer"), "no such model")
        need({type(self.bits), type(self.integrated)} == {bool}, "bits and integrated are true or false")
        need(not self.form or (self.bits and self.integrated and self.rho), "a form has bits and random weights")
        self.top, self.level = (number(gain), self.rho / self.largest) if self.form else (self.largest, fmpq(1))
        need(self.largest is None or min(self.top, self.largest) > 0, "gain or largest sigma_m2 is not positive")
        for left, right, tree in self.neuron.parts if self.bits else ():
            bounds = ball(tree, Span(left, INFINITY if right is None else right))
            need(bounds.low >= -1 and bounds.high <= 1, "the mean of a bit leaves [-1, 1]")

    def margin(self, tree: Tree) -> Tree:
        """What is below 0 in the mean where chi_1 < 1 (a form: where sigma_m2 would exceed its largest value)."""
        slopes = times(("number", self.top), ("^", derivative(tree), 2))
        return plus(slopes, ("^", tree, 2) if self.form else ZERO, ("number", -self.level))

    def is_below(self, knots: Any) -> bool:
        """Whether the margin is at most 0, and less somewhere: on cells between knots of every part."""
        strict = False
        for (left, right, tree), inner in zip(self.neuron.parts, knots, strict=True):
            for low, high in pairwise((left, *(arb(number(each)) for each in inner), right)):
                need(high is None or low < high, "knots are not in order")
                strict |= self.cell(low, high, tree)
        return strict and self.neuron.is_continuous

    def cell(self, low: Any, high: Any, tree: Tree) -> bool:
        """Whether margin < 0 on a cell; <= 0 is shown, by Taylor at its left end, or bounds, or as it rises to 0."""
        margin, whole = self.margin(tree), Span(low, INFINITY) if high is None else low.union(high)
        if high is not None:
            rates = accumulate(range(ORDERS), lambda rate, _: derivative(rate), initial=margin)
            signs = [(bool(ball(rate, whole) <= 0), bool(ball(rate, low) <= 0)) for rate in rates]
            need((True, True) in signs[: (*(at for _, at in signs), False).index(False)], "the margin may be positive")
            return bool(ball(margin, whole) < 0)
        rise = plus(times(("number", self.top), derivative(derivative(tree))), tree if self.form else ZERO)
        signs, bound = [ball(each, whole) for each in (derivative(tree), rise)], ball(margin, whole).high
        rises = all(each.low >= 0 for each in signs) or all(each.high <= 0 for each in signs)
        falls_short = rises and ball(margin, Span(INFINITY, INFINITY)).high <= 0
        need(falls_short or bound <= 0, "the margin was not shown to be negative far out")
        return bool(bound < 0)

    def point(self, variance: Any) -> dict[str, Any]:
        """A critical point at q, with sigma_b2 > 0 and q stable; largest sigma_m2 where the slope is known to be 1."""
        need(self.neuron.is_continuous and (self.form or not self.bits), "phi jumps, or belongs to a bit")
        scale = arb(self.top if self.form else 1)
        slopes, sizes, steep = self.neuron.moments(scale * variance)
        slopes, steep = scale * slopes, steep / (scale * variance * slopes)
        if self.form:
            rho, steep = arb(self.rho), steep * (1 + variance)
            means, biases = rho / (slopes + sizes), rho * slopes / (slopes + sizes) * (1 + variance) - rho
            need(means < arb(self.largest), "sigma_m2 is not below its largest value")
        else:
            means = 1 / slopes if self.largest is None else arb(self.largest)
            biases = variance - means * sizes
        need(biases > 0 and abs(steep) < 1, "sigma_b2 is not positive, or q not stable")
        return {"T" if self.integrated and not self.form else "q": variance, "sigma_m2": means, "sigma_b2": biases}


def fact(model: Model, name: str, *given: Any) -> dict[str, Any]:
    """What a step establishes: for some names the coordinates of a point."""
    neuron = model.neuron
    if name in ("point", "crossing"):
        places = [arb(number(each)) for each in given]
        ends = [neuron.mean(model.margin, place) for place in places if name == "crossing"]
        is_free = model.form or (model.kind == "overlap" and model.largest is None and not model.integrated)
        need(is_free and len(given) == 1 if name == "point" else model.kind == "overlap" and model.rho == model.largest
             and len(ends) == 2 and ends[0] * ends[1] < 0, f"the step {name} was not shown")  # fmt: skip
        return model.point(places[0].union(places[-1]))
    if name == "ratio":
        (slopes, sizes, _), line = neuron.moments(arb(1)), neuron.mean(lambda tree: tree, arb(1))
        need(neuron.is_continuous and model.kind == "norm", "phi jumps")
        return {"chi_g": slopes / (sizes - (0 if neuron.odd else line * line))}
    if name == "bend":
        slopes = [neuron.at(at, derivative) * (1 if at > 0 or neuron.odd else -1) for at in map(number, given)]
        holds = abs(slopes[0] - slopes[1]) > 0
    else:
        jumps = name == "jump" and abs(neuron.gaps[number(given[0]).p]) > 0
        holds = jumps or (name == "below" and model.is_below(given))
    need(holds, f"the step {name[:20]!r} was not shown")
    return {}


def conclude(model: Model, verdict: str, facts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The point of the verdict, where it has one; refused unless the facts lead to it, by theorems 1 to 6."""
    neuron, excluded = model.neuron, "critical points were not excluded"
    need(verdict in ("none", *(("limit", "attained") if model.kind != "single layer" else ())), "no such verdict")
    if model.kind == "norm":
        line, slope = neuron.odd and neuron.starts_at_zero and len(neuron.parts) == 1, derivative(neuron.parts[0][2])
        equal = verdict == "attained" and line and derivative(slope) == ZERO and abs(ball(slope, arb(1))) > 0
        need(equal or (verdict == "none" and facts["ratio"]["chi_g"] > 1), "chi_g was not shown to be above 1")
        return {"chi_g": arb(1)} if equal else facts["ratio"]
    bends, beyond = "bend" in facts or "jump" in facts, model.rho is not None and model.rho > model.largest
    if verdict == "attained" or (verdict == "limit" and "crossing" in facts):
        need(verdict == "attained" or (model.integrated and bends), excluded)
        need("point" in facts or not model.integrated or verdict == "limit", "q is infinite at this point")
        return facts["point"] if "point" in facts else facts["crossing"]
    starts = [] if model.top is None else [ball(model.margin(side[0][2]), arb(0)) for side in neuron.sides]
    if verdict == "limit":
        need("below" in facts and (model.form or (bends and not beyond and not model.bits)), excluded)
        need(neuron.odd and neuron.starts_at_zero and starts[0] == 0, "chi_1 was not shown to tend to 1")
    elif model.kind != "single layer":
        away = "below" in facts and (not neuron.starts_at_zero or sum(starts) < 0)
        strict = not model.form and (("bend" in facts and model.bits) or (beyond and bends))
        need(strict or ((bends or model.form) and (away or "jump" in facts)), excluded)
    return {}


def check(text: str) -> dict[str, Any]:
    """The statement of a certificate, if it is proven; refused otherwise."""
    try:
        need(len(text) <= LONGEST, "it is too long for a certificate")
        data = json.loads(text, parse_float=number, parse_constant=number)
        statement, declared, work["left"] = data["statement"], data["model"], MOST_WORK
        need(data["format"] == FORMAT and statement.keys() == STATEMENT, f"it is no {FORMAT}")
        need(type(statement["surrogate"]) is str, "the surrogate is not named")
        with ctx.workprec(PRECISION):
            model = Model(declared)
            found = conclude(model, statement["verdict"], {step[0]: fact(model, *step) for step in data["steps"]})
            stated = {name: [arb(number(end)) for end in ends] for name, ends in statement["point"].items()}
            holds = [low <= found[name] and found[name] <= high for name, (low, high) in stated.items()]
        need(stated.keys() == found.keys() and all(holds), "the point does not lie where it is stated to")
        need(statement["largest sigma_m2"] == declared["weights"]["largest"], "sigma_m2 is not bounded as stated")
        return statement
    except REFUSALS as error:
        raise RefusedError("it is not of the form of a certificate") from error


if __name__ == "__main__":
    try:
        with Path(sys.argv[1]).open() as file:
            print("proven:", json.dumps(check(file.read(LONGEST + 1))))
    except (RefusedError, OSError, UnicodeDecodeError) as refusal:
        print("refused:", refusal, file=sys.stderr)
        sys.exit(2)
