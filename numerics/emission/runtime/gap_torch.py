"""Differences of E f(u) f(v) between two correlations that generated Torch modules call: those of gap_numpy.

Autograd goes through the sums, whose nodes never cross the jump or kink at 0; the slope must be differentiable too.
"""

import math

import torch
from torch import Tensor

from meanbits.numerics.emission.runtime.gaussian_torch import mean_values
from meanbits.numerics.emission.runtime.quadrature_torch import batches
from meanbits.numerics.emission.runtime.slopes_torch import Elementwise, Real, held, require_closed, unknown, with_ends


def jump_at_zero(f: Elementwise, scale: Tensor, p: list[Tensor]) -> Tensor:
    """f(0+) - f(0-), where a difference of a few ulp, that of two formulas for one value, counts as 0; (n,).

    So does one that grows with the distance from 0: f is continuous there.
    """
    steps = []
    for near in (1e-150, 1e-140):
        after, before = (f(side * near * scale, *p).expand(scale.shape) for side in (1.0, -1.0))
        ulp = torch.finfo(torch.float64).eps * torch.maximum(torch.abs(after), torch.abs(before))
        steps.append(torch.where(torch.abs(after - before) > 8 * ulp, after - before, 0.0))
    return torch.where(torch.abs(steps[1]) < 2 * torch.abs(steps[0]), steps[0], 0.0)


def legendre_rule(n: int) -> tuple[Tensor, Tensor]:
    """The n nodes and weights of Gauss and Legendre on [-1, 1]. Source: Golub and Welsch 1969, Math. Comp. 23, 221."""
    k = torch.arange(1, n, dtype=torch.float64)
    beside = k / torch.sqrt(4 * k * k - 1)
    x, vectors = torch.linalg.eigh(torch.diag(beside, 1) + torch.diag(beside, -1))
    return x, 2 * vectors[0] ** 2


def correlation_rule(rest: Tensor, drop: Tensor, resolution: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Nodes and weights in the correlation r over [1 - rest - drop, 1 - rest], which lies in [0, 1], for n intervals.

    Returns for each node its interval, tan(acos(r) / 2) and its weight; all (m,). Gauss-Legendre on panels in t,
    sinh(t) = resolution tan(acos(r) / 2), with the nodes that a function analytic for |Im t| < pi / 2 needs.
    """
    fine = torch.clamp(resolution, min=3.0)
    bottom, top = (fine * torch.sqrt(each / (2 - each)) for each in (rest, rest + drop))
    squares = 2 * fine * fine * drop / ((2 - rest) * (2 - rest - drop))  # top^2 - bottom^2
    span = torch.asinh(squares / (top * torch.sqrt(1 + bottom * bottom) + bottom * torch.sqrt(1 + top * top)))
    panels = torch.ceil(span.detach() / 3).long()
    owner = torch.repeat_interleave(panels)
    half = (span / panels / 2)[owner]
    place = torch.arange(len(owner), device=rest.device) - (torch.cumsum(panels, 0) - panels)[owner]
    start = torch.asinh(bottom)[owner] + 2 * half * place
    count = torch.ceil(18 / torch.asinh(math.pi / 2 / half.detach())).long() + 1
    parts = [(owner[:0], rest[:0], rest[:0])]
    for n in torch.unique(count).tolist():
        x, w = (column.to(rest.device) for column in legendre_rule(n))
        i = torch.nonzero(count == n)
        t = start[i] + half[i] * (1 + x)
        tangent = torch.sinh(t) / fine[owner[i]]
        weight = half[i] * w * torch.cosh(t) / fine[owner[i]] * 4 * tangent / (1 + tangent**2) ** 2
        parts.append((owner[i].expand(t.shape).flatten(), tangent.flatten(), weight.flatten()))
    interval, tangent, weight = (torch.cat(columns) for columns in zip(*parts, strict=True))
    return interval, tangent, weight


def wedge_rule(sharpness: float) -> tuple[Tensor, Tensor]:
    """`half_line_rule` for `wedge`, of bend 4, reach 10 and step 1 / 7: nodes and weights (n,)."""
    step, onset = 1 / 7, -math.log(4 * sharpness)
    first, last = math.floor((onset - 2.7) / step), math.ceil(math.log(math.expm1(2.5)) / step)
    s = step * torch.arange(first, last + 1, dtype=torch.float64)
    left = torch.exp(1.5 * (onset - s))
    t = s - left / 1.5
    return 4 * torch.log1p(torch.exp(t)), 4 * step * torch.special.expit(t) * (1 + left)


def wedge(s: Tensor, along: Tensor, across: Tensor, x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
    """Nodes v (p, n, 1) and u (p, n, n) over u > v > 0, and their weights: `quadrant` at along^2 - across^2.

    along^2 + across^2 = 1; with both given, no digit is lost as the correlation goes to 1 or -1. The standard deviation
    s, along and across are (p, 1, 1), x and w (n,).
    """
    row, gauss = x[:, None], w * torch.exp(-x * x / 2)
    row_weight, weight = along / (2 * math.pi) * gauss[:, None], gauss * torch.exp(-across * (row * x))
    return s * along * row, s * along * (row + 2 * across * x), row_weight, weight


def slope_pair(
    slope: Elementwise, variance: Tensor, tangent: Tensor, sign: float, p: list[Tensor], scale: Tensor
) -> Tensor:
    """E slope(u) slope(sign v) at correlation cos(2 atan(tangent)) >= 0, off the jumps of slope at 0; all (n,)."""
    sigma, value = torch.sqrt(variance), torch.zeros_like(variance)
    sharpness = torch.clamp(100 * sigma.detach() / scale, min=10.0)
    across = tangent / torch.sqrt(1 + tangent**2)
    resolved = sharpness * across > 2
    for sums, chosen in ((folded_slopes, resolved), (separate_slopes, ~resolved)):
        points = torch.nonzero(chosen)[:, 0]
        for rule, part in batches(wedge_rule, sharpness[points], 2):
            i = points[part]
            s, a, *q = (each[i, None, None] for each in (sigma, across, *p))
            value = value.index_put((i,), 2 * sums(slope, s, torch.sqrt(1 - a * a), a, sign, q, *rule))
    return value


def price_integrand(
    slope: Elementwise, jump: Tensor, variance: Tensor, tangent: Tensor, sign: float, p: list[Tensor], scale: Tensor
) -> Tensor:
    """The derivative of E f(u) f(sign v) in sign times the correlation cos(2 atan(tangent)), but for jump^2; all (n,).

    It is variance E f'(u) f'(sign v), where f' is the slope and a delta of weight jump at 0.
    """
    value = variance * slope_pair(slope, variance, tangent, sign, p, scale)
    k = torch.nonzero(jump)[:, 0]
    if len(k) == 0:
        return value
    sine = 2 * tangent[k] / (1 + tangent[k] ** 2)
    given = mean_values(slope, scale[k], torch.zeros_like(sine), variance[k] * sine**2, *(each[k] for each in p))
    return value.index_add(0, k, jump[k] * torch.sqrt(2 * variance[k] / math.pi) * given)


def separate_slopes(
    slope: Elementwise, s: Tensor, along: Tensor, across: Tensor, sign: float, p: list[Tensor], *rule: Tensor
) -> Tensor:
    """E slope(u) slope(sign v) over |u| > |v|; each sign of u v has nodes of its own. Arrays (p, 1, 1), result (p,)."""
    total = torch.zeros_like(s[:, 0, 0])
    for side, pair in ((sign, (along, across)), (-sign, (across, along))):
        v, u, row_weight, weight = wedge(s, *pair, *rule)
        plus = torch.sum(weight * slope(u, *p), -1, keepdim=True) * slope(side * v, *p)
        minus = torch.sum(weight * slope(-u, *p), -1, keepdim=True) * slope(-side * v, *p)
        total = total + torch.sum(row_weight * (plus + minus), (1, 2))
    return total


def folded_slopes(
    slope: Elementwise, s: Tensor, along: Tensor, across: Tensor, sign: float, p: list[Tensor], *rule: Tensor
) -> Tensor:
    """The same on one set of nodes, for across > 0 and correlations c >= 0: `signs_together`.

    The density at (u, -v) is the one at (u, v) times e^-y, y = 2 u v c / (s^2 (1 - c^2)).
    """
    v, u, row_weight, weight = wedge(s, along, across, *rule)
    y = (along - across) * (along + across) / 2 * (v / (s * along * across)) * (u / (s * along * across))
    excess, rest = -weight * torch.expm1(-y), weight * torch.exp(-y)
    f_plus, f_minus, g_plus, g_minus = slope(u, *p), slope(-u, *p), slope(sign * v, *p), slope(-sign * v, *p)
    both = torch.sum(rest * (f_plus + f_minus), -1, keepdim=True) * (g_plus + g_minus)
    plus = torch.sum(excess * f_plus, -1, keepdim=True) * g_plus
    minus = torch.sum(excess * f_minus, -1, keepdim=True) * g_minus
    return torch.sum(row_weight * (both + plus + minus), (1, 2))


def together(*arguments: Real) -> tuple[tuple[Tensor, ...], torch.dtype]:
    """The arguments broadcast, in float64, and the type that a result of theirs has."""
    tensors = [each for each in arguments if isinstance(each, Tensor)]
    floating = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
    device = tensors[0].device if tensors else None
    doubles = (torch.as_tensor(each, dtype=torch.float64, device=device) for each in arguments)
    return torch.broadcast_tensors(*doubles), floating.pop() if len(floating) == 1 else torch.float64


def gaussian_difference(
    f: Elementwise,
    variance: Real,
    rest: Real,
    drop: Real,
    *parameters: Real,
    slope: Elementwise,
    scale: Real = 1.0,
) -> Tensor:
    """E f(u) f(v) at correlation 1 - rest minus that at 1 - rest - drop, to a relative 1e-12; the arguments broadcast.

    As in gap_numpy, of whose sums it takes gradients: in rest where rest > 0, in the variance where it is positive; in
    drop at 0 and 2 it is the slope there. NaN and an infinite variance give NaN. Raises ValueError outside the domain.
    """
    require_closed(f, variance, *parameters)
    require_closed(slope, variance, *parameters)
    points, dtype = together(variance, rest, drop, scale, *parameters)
    v, low, width, finest, *p = (each.reshape(-1) for each in points)
    if torch.any(v < 0):
        raise ValueError(f"gaussian_difference: variance {v.min()} is negative; give numbers >= 0")
    if torch.any((low < 0) | (low > 1) | (width < 0) | (low + width > 2 + 1e-15)):
        raise ValueError("gaussian_difference: give rest in [0, 1] and drop in [0, 2 - rest]")
    sums = difference_values(f, slope, finest, v, low, held(width, 0, 2), *p).reshape(points[0].shape)

    def in_drop(variance: Tensor, rest: Tensor, drop: Tensor, scale: Tensor, *parameters: Tensor) -> Tensor:
        return gaussian_slope(f, variance, rest + drop, *parameters, slope=slope, scale=scale)

    return with_ends(sums, [(unknown,), (unknown,), (in_drop, 0, 2)], list(points)).to(dtype)


def difference_values(
    f: Elementwise, slope: Elementwise, scale: Tensor, v: Tensor, low: Tensor, width: Tensor, *p: Tensor
) -> Tensor:
    """The sums of gaussian_difference; all arguments and the result are (n,)."""
    known = torch.isfinite(v + low + width)
    value = torch.where(known, 0.0, math.nan).to(v.dtype)
    jump = jump_at_zero(f, scale, list(p))
    k = torch.nonzero((jump != 0) & (v > 0) & (width > 0) & known)[:, 0]
    end = torch.clamp((2 - low) - width, min=0.0)  # 1 + the lower correlation
    roots = torch.sqrt(low[k] * (2 - low[k])) + torch.sqrt(torch.clamp(low[k] + width[k], max=2.0) * end[k])
    value = value.index_add(0, k, jump[k] ** 2 / math.pi * torch.atan2(width[k], roots))
    positive = torch.minimum(width, 1 - low)
    for sign, start, length in ((1.0, low, positive), (-1.0, end, width - positive)):
        live = torch.nonzero((v > 0) & known & (length > 0))[:, 0]
        resolution = 300 * torch.sqrt(v[live].detach()) / scale[live]
        owner, tangent, weight = correlation_rule(start[live], length[live], resolution)
        i = live[owner]
        q = [each[i] for each in p]
        integrand = price_integrand(slope, jump[i], v[i], tangent, sign, q, scale[i])
        value = value.index_add(0, i, weight * integrand)
    return value


def gaussian_slope(
    f: Elementwise, variance: Real, distance: Real, *parameters: Real, slope: Elementwise, scale: Real = 1.0
) -> Tensor:
    """The derivative of E f(u) f(v) in the correlation of u and v at 1 - distance, to a relative 1e-12.

    As in gap_numpy, of whose sums it takes gradients, at distances in (0, 2) and positive variances. NaN and an
    infinite variance give NaN. Raises ValueError outside the domain.
    """
    require_closed(f, variance, *parameters)
    require_closed(slope, variance, *parameters)
    points, dtype = together(variance, distance, scale, *parameters)
    v, apart, finest, *p = (each.reshape(-1) for each in points)
    if torch.any(v < 0):
        raise ValueError(f"gaussian_slope: variance {v.min()} is negative; give numbers >= 0")
    if torch.any((apart < 0) | (apart > 2 + 1e-15)):
        raise ValueError("gaussian_slope: give distances in [0, 2]")
    value = torch.where((v == 0) & torch.isfinite(apart), 0.0, math.nan).to(v.dtype)
    jump = jump_at_zero(f, finest, list(p))
    for sign, side in ((1.0, apart <= 1), (-1.0, apart > 1)):
        i = torch.nonzero(side & (v > 0) & torch.isfinite(v))[:, 0]
        near = apart[i] if sign > 0 else torch.clamp(2 - apart[i], min=0.0)
        tangent, rest = torch.sqrt(near / (2 - near)), [each[i] for each in p]
        found = price_integrand(slope, jump[i], v[i], tangent, sign, rest, finest[i])
        k = torch.nonzero(jump[i])[:, 0]
        found = found.index_add(0, k, jump[i][k] ** 2 / (2 * math.pi * torch.sqrt(near[k] * (2 - near[k]))))
        value = value.index_copy(0, i, found)
    return value.reshape(points[0].shape).to(dtype)
