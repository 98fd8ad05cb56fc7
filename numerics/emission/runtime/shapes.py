"""What piecewise linear functions are, which generated modules of either library call.

f(u) = a + b u + sum_i J_i 1(u > t_i) + K_i (u - t_i)_+ is the shape (t, J, K, (a, b)).
"""

import math
from functools import cache
from itertools import pairwise

Shape = tuple[tuple[float, ...], ...]
Line = tuple[float, float]  # value and slope
Table = tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]  # starts and coefficients


def line_at(shape: Shape, point: float, side: int) -> Line:
    """Value and slope of f on that side of a point; on average where side is 0."""
    value, slope = shape[3][0] + shape[3][1] * point, shape[3][1]
    for t, jump, bend in zip(*shape[:3], strict=True):
        passed = (1 + side) / 2 if t == point else float(t < point)
        value, slope = value + passed * (jump + bend * (point - t)), slope + passed * bend
    return value, slope


@cache
def mirrored_lines(shape: Shape) -> list[tuple[float, float, Line, Line]]:
    """The intervals of |u| between breaks, and at the start of each the lines of f(u) and f(-u)."""
    starts = sorted({0.0, *(abs(t) for t in shape[0])})
    result: list[tuple[float, float, Line, Line]] = []
    for start, end in zip(starts, [*starts[1:], float("inf")], strict=True):
        value, slope = line_at(shape, -start, -1)
        result.append((start, end, line_at(shape, start, 1), (value, -slope)))
    return result


@cache
def parity_of(shape: Shape) -> int:
    """1 if f is even, -1 if f less a constant is odd, else 0."""
    t, jumps, bends = shape[:3]
    if t != tuple(-each for each in reversed(t)):
        return 0
    if jumps == jumps[::-1] and bends == tuple(-each for each in reversed(bends)):
        return -1
    even = jumps == tuple(-each for each in reversed(jumps)) and bends == bends[::-1]
    return int(even and abs(2 * shape[3][1] + sum(bends)) <= 1e-15 * sum(abs(bend) for bend in bends))


@cache
def turned_by(shape: Shape) -> int:
    """What C at the opposite correlation is times C: 1 or -1, or 0 where that is not so."""
    return 0 if parity_of(shape) == -1 and middle_value(shape) != 0 else parity_of(shape)


def middle_value(shape: Shape) -> float:
    """The mean of f on both sides of 0, exactly 0 where that is rounding."""
    value, size = line_at(shape, 0.0, 0)[0], abs(shape[3][0]) + sum(abs(jump) for jump in shape[1])
    size += sum(abs(bend * t) for t, bend in zip(shape[0], shape[2], strict=True))
    return 0.0 if abs(value) <= 1e-15 * size else value


def widest_break(shape: Shape) -> float:
    """The largest |t|."""
    return max((abs(t) for t in shape[0]), default=0.0)


@cache
def finest_gap(shape: Shape) -> float:
    """The least distance of two breaks, or of the widest from 0."""
    places = sorted(set(shape[0]))
    return min([widest_break(shape), *(b - a for a, b in pairwise(places))])


@cache
def is_box(shape: Shape) -> bool:
    """Whether f is steps up and down of one sign of area: 0 far out, of which sums over jumps lose few digits."""
    if has_bends(shape) or any(far_line(shape)):
        return False
    areas = [jump * t for t, jump in zip(*shape[:2], strict=True)]
    return abs(sum(areas)) > sum(map(abs, areas)) / 2


@cache
def closed_reach(shape: Shape) -> float:
    """The variance beyond which what is in closed form loses digits."""
    return (32 if is_box(shape) else 16) * finest_gap(shape) ** 2


@cache
def growth_reach(shape: Shape) -> float:
    """The variance beyond which sums over breaks lose digits of dC/dV."""
    fine = finest_gap(shape)
    return 256 * fine * fine * (fine / break_unit(shape)) ** 2


@cache
def straight_reach(shape: Shape) -> float:
    """The variance below which fields hardly see that f is no sloping line; 0 where they do."""
    nearest = min((abs(t) for t in shape[0]), default=0.0)
    return (nearest / 8) ** 2 if nearest and line_at(shape, 0.0, 0)[1] else 0.0


def break_unit(shape: Shape) -> float:
    """The largest |t|, or 1 where all breaks are at 0."""
    return widest_break(shape) or 1.0


def has_bends(shape: Shape) -> bool:
    """Whether f has a slope anywhere."""
    return any(shape[2]) or shape[3][1] != 0


def derivative_of(shape: Shape) -> Shape:
    """The shape of f' without its delta functions."""
    return shape[0], shape[2], (0.0,) * len(shape[0]), (shape[3][1], 0.0)


@cache
def threshold_pairs(shape: Shape, side: int, alone: bool = False) -> list[tuple[float, ...]]:
    """Of the pairs (t_i, side t_j), distinct, or those of D = 0: S, D and four weights.

    S and D are an eighth of the squares of t_i + side t_j and t_i - side t_j; the weights stand before
    exp(-E) / (1 + x^2) for jumps, V exp(-E) / (1 + x^2), exp(-E) and exp(-E) / x^2 for bends.
    """
    merged: dict[tuple[float, float], tuple[float, ...]] = {}
    known: dict[str, float] = {}
    for s, jump_s, bend_s in zip(*shape[:3], strict=True):
        for t, jump_t, bend_t in zip(*shape[:3], strict=True):
            total, apart = s + side * t, s - side * t
            pair = tuple(known.setdefault(f"{each * each:.12e}", each * each / 8) for each in (total, apart))
            mixed, turned = jump_s * bend_t, side * bend_s * jump_t
            new = jump_s * jump_t, bend_s * bend_t, (mixed + turned) * total / 4, (mixed - turned) * apart / 4
            old = merged.get((pair[0], pair[1]), (0.0,) * 4)
            merged[pair[0], pair[1]] = tuple(a + b for a, b in zip(old, new, strict=True))
    return [(s, d, *rest) for (s, d), rest in merged.items() if any(rest) and (d == 0 or not alone)]


@cache
def leading_pairs(shape: Shape, side: int) -> list[tuple[float, float]]:
    """S and D of those pairs beside which no other has a smaller S and D, of those with D = 0 and of the rest."""
    pairs = [(s, d) for s, d, *_ in threshold_pairs(shape, side)]
    return [
        (s, d)
        for s, d in pairs
        if not any((p, q) != (s, d) and p <= s and q <= d and (q == 0) == (d == 0) for p, q in pairs)
    ]


@cache
def threshold_products(
    shape: Shape, side: int, alone: bool
) -> tuple[list[float], list[tuple[float, list[tuple[float, int]]]]]:
    """The distinct D of the pairs of jumps; every distinct S, with the weights beside each D, by its index."""
    pairs = [(s, d, jumps) for s, d, jumps, *_ in threshold_pairs(shape, side, alone) if jumps]
    apart = sorted({d for _, d, _ in pairs})
    return apart, [(s, [(w, apart.index(d)) for p, d, w in pairs if p == s]) for s in sorted({s for s, _, _ in pairs})]


def scaled_slope(table: Table) -> Table:
    """Of F, from each start s >= 0 to the next a polynomial in |u| - s: the table of u F'(u), without jumps."""
    rows: list[tuple[float, ...]] = []
    for start, row in zip(*table, strict=True):
        steep = [j * c for j, c in enumerate(row)][1:]
        rows.append(tuple(start * a + b for a, b in zip([*steep, 0.0], [0.0, *steep], strict=True)))
    return table[0], tuple(rows)


def table_jumps(table: Table) -> list[tuple[float, float]]:
    """The starts s > 0 of a table, and by how much F jumps there."""
    result: list[tuple[float, float]] = []
    for k, start in enumerate(table[0][1:]):
        before = sum(c * (start - table[0][k]) ** j for j, c in enumerate(table[1][k]))
        result.append((start, table[1][k + 1][0] - before))
    return result


def total_of(terms: list[float]) -> float:
    """Their sum, 0 where that is rounding."""
    total = sum(terms)
    return total if abs(total) > 1e-15 * sum(map(abs, terms)) else 0.0


@cache
def far_line(shape: Shape) -> tuple[float, float, float, float]:
    """f far out: p + q u + s sign(u) + d |u|, u in units of the widest break."""
    level, slope, size = *shape[3], break_unit(shape)
    steps = [*shape[1], *(-k * t for t, k in zip(shape[0], shape[2], strict=True))]
    right, steep = total_of([level, *steps]), total_of([slope, *shape[2]])
    pairs = (right, level), (size * steep, size * slope), (right, -level), (size * steep, -size * slope)
    p, q, s, d = (total_of(list(pair)) / 2 for pair in pairs)
    return p, q, s, d


MOMENTS = 26  # with POWERS and TERMS they leave 2^-53 of sums over breaks within sqrt(1/2) conditional deviations
POWERS = 14
TERMS = 17
HALVES = tuple(1.0 / math.prod(range(1, 2 * n + 2, 2)) for n in range(MOMENTS // 2))  # 1 / (2 n + 1)!!


@cache
def compact_moments(shape: Shape, order: int) -> list[list[float]]:
    """Of the derivative of f of that order, but for its line far out: what stands before powers of y in the integrals
    of its product with exp(-y t^2) t^n, t in units of the widest break; for each power a list over n <= MOMENTS.
    """
    size, sums = break_unit(shape), list[float]()
    for n in range(2 - order, 1 - order + MOMENTS + 2 * POWERS):
        terms = [k * size * (t / size) ** n for t, k in zip(shape[0], shape[2], strict=True)]
        terms += [-n * j * (t / size) ** (n - 1) for t, j in zip(shape[0], shape[1], strict=True) if n and j]
        sums.append(total_of(terms) * (1.0, -1 / n if n else 0.0, 1 / (n * (n - 1)) if n > 1 else 0.0)[2 - order])
    factors = [(-1.0) ** k / math.factorial(k) for k in range(POWERS)]
    return [[factor * sums[n + 2 * k] for n in range(MOMENTS + 1)] for k, factor in enumerate(factors)]


@cache
def graded_moments(shape: Shape, order: int) -> list[list[float]]:
    """`compact_moments` times their powers of t."""
    rows = compact_moments(shape, order)
    return [[(n + 2 * k) * each for n, each in enumerate(row)] for k, row in enumerate(rows)]
