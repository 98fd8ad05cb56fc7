// Overlaps of piecewise linear functions of Gaussian fields, which emitted JavaScript calls.
// C(s) = E f(u) f(v) for u and v of mean 0, variance V and correlation s. C' is J_i J_j V n2(t_i, t_j) and a part,
// without products of jumps, whose slope is elementary too. Price 1958; Plackett 1954, Biometrika 41, 351.

/** A variance, where 0 counts as the limit. */
function checked_variance(v) {
  if (v < 0) throw new RangeError(`piecewise linear functions: variance ${v} is negative; give numbers >= 0`);
  return within(v, 1e-306, 1e306);
}

/** Integrals of (z - start)^k over 0 <= start < z < end with the standard normal density, k < count. */
function interval_moments(start, end, count) {
  const width = Math.min(end - start, 84 / (start + Math.sqrt(start * start + 84)));
  const height = Math.exp(-start * start / 2) / Math.sqrt(2 * Math.PI);
  const [nodes, weights] = gauss_legendre(16);
  const moments = new Array(count).fill(0);
  for (let i = 0; i < 32; i++) {
    const z = width * (Math.floor(i / 16) + (nodes[i % 16] + 1) / 2) / 2;
    let term = width * weights[i % 16] / 4 * Math.exp(-z * (start + z / 2)) * height;
    for (let k = 0; k < count; k++, term *= z) moments[k] += term;
  }
  return moments;
}

/** E f(u). */
function piecewise_average(facts, v) {
  if (facts.parity === -1) return facts.middle;
  const sigma = Math.sqrt(v);
  return facts.intervals.reduce((total, [start, end, [value, slope], [other, fall]]) => {
    const m = interval_moments(start / sigma, end / sigma, 2);
    return total + (value + other) * m[0] + sigma * (slope + fall) * m[1];
  }, 0);
}

/** E f(u) f(-u): C at correlation -1. */
function opposite_overlap(facts, v) {
  const sigma = Math.sqrt(v);
  return facts.intervals.reduce((total, [start, end, [value, slope], [other, fall]]) => {
    const m = interval_moments(start / sigma, end / sigma, 3);
    return total + 2 * (value * other * m[0] + sigma * (value * fall + slope * other) * m[1] + v * slope * fall * m[2]);
  }, 0);
}

/** The part of C' without a product of jumps, at correlation 0 (side 1) or -1 (side -1). */
function bend_slope(facts, side, v) {
  const sigma = Math.sqrt(v);
  let [total, mean] = [0, 0];
  for (const [start, end, [, slope], [, fall]] of facts.intervals) {
    const [m] = interval_moments(start / sigma, end / sigma, 1);
    mean += (slope - fall) * m;
    total -= 2 * v * slope * fall * m;
  }
  if (side === 1) total = v * mean * mean;
  facts.places.forEach((t, i) => {
    const density = sigma * Math.exp(-((t / sigma) ** 2) / 2) / Math.sqrt(2 * Math.PI);
    total += 2 * facts.jumps[i] * density * (side === 1 ? mean : line_at(facts, t === 0 ? 0 : -t, 0)[1]);
  });
  return total;
}

/** sqrt((1 - s) / (1 + s)) at s = 1 - distance. */
function near_end(far) {
  return Math.sqrt(far / (2 - far));
}

/** The distance from correlation -1 within which bends may give C' a peak. */
function slope_peak(facts, v) {
  const square = facts.widest ** 2 / v;
  return square === Infinity ? 2 : 2 * square / (1 + square);
}

/** The part of C' without a product of jumps, at correlation 1 - near (side 1) or near - 1 (side -1), near <= 1. */
function smooth_slope(facts, side, v, near) {
  if (!facts.slanted) return 0;
  if (side === -1 && facts.parity !== 0) return -facts.parity * smooth_slope(facts, 1, v, near);
  const [begin, x] = [Math.max(wide_from(facts, v), near), near_end(near)];
  const rest = 2 * (begin - near) / ((2 - near) * (2 - begin) * (near_end(begin) + x));
  const change = correlation_integrals(facts, side, v, x, rest)[1];
  const value = inner_slope(facts, side, v, begin) + side * change;
  if (side === 1 || !(change > value || near < slope_peak(facts, v))) return value;
  return bend_slope(facts, -1, v) + correlation_integrals(facts, -1, v, 0, x)[1];
}

/** `smooth_slope` where series end, or at correlation 0. */
function inner_slope(facts, side, v, begin) {
  if (begin === 1) return bend_slope(facts, 1, v);
  const x = near_end(begin);
  const jumps = jump_sum(threshold_pairs(facts, side, false), v, x) * (1 + x * x) / (4 * Math.PI * x);
  return wide_slope(facts, side, v, begin, 1 - begin) - jumps;
}

/** C at correlation s = 1 - near less that at s - fall >= 0 (side 1); that at s + fall <= 0, s = near - 1 (-1). */
function overlap_rise(facts, side, v, near, fall) {
  if (side === -1 && facts.parity !== 0) return -facts.parity * overlap_rise(facts, 1, v, near, fall);
  const begin = wide_from(facts, v);
  if (begin === 1 || near + fall <= begin) return end_rise(facts, side, v, near, fall);
  const first = within(begin - near, 0, fall);
  const [end, rest] = [end_rise(facts, side, v, near, first), wide_rise(facts, side, v, near + first, fall - first)];
  return end * rest < 0 ? value_rise(facts, side, v, near, fall) : end + rest;
}

/** `overlap_rise` where C turns in between, so that it is of the order of its values. */
function value_rise(facts, side, v, near, fall) {
  const [low, high] = [near, Math.min(near + fall, 1)].map((each) => overlap_at(facts, side, v, each, 1 - each));
  return side * (low - high);
}

/** `overlap_rise` where series serve: their slope, integrated over the logarithm of x. */
function wide_rise(facts, side, v, near, fall) {
  const [low, far, [nodes, weights]] = [near_end(near), Math.min(near + fall, 1), gauss_legendre(16)];
  const length = Math.log1p(2 * fall / ((2 - near) * (2 - far) * (low + near_end(far)) * low));
  const panels = Math.max(Math.ceil(length / 1.5), 1);
  let total = 0;
  for (let k = 0; k < 16 * panels; k++) {
    const x = low * Math.exp(length * (Math.floor(k / 16) + (nodes[k % 16] + 1) / 2) / panels);
    const slope = wide_slope(facts, side, v, 2 * x * x / (1 + x * x), (1 - x * x) / (1 + x * x));
    total += slope * (2 * x / (1 + x * x)) ** 2 * (length * weights[k % 16] / (2 * panels));
  }
  return total;
}

/** `overlap_rise` where series do not serve. */
function end_rise(facts, side, v, near, fall) {
  if (side === -1 && facts.parity !== 0) return -facts.parity * end_rise(facts, 1, v, near, fall);
  if (side === 1 || !facts.bending) return rise_by_parts(facts, side, v, near, fall);
  const first = within(slope_peak(facts, v), near, Math.min(near + fall, 1)) - near;
  return rise_by_parts(facts, -1, v, near, first) + rise_by_parts(facts, -1, v, near + first, fall - first);
}

/** C at correlation side size, size = 1 - near: by series, or from where they end. */
function overlap_at(facts, side, v, near, size) {
  const turned = facts.parity === -1 && facts.middle !== 0 ? 0 : facts.parity;
  if (side === -1 && turned !== 0) return turned * overlap_at(facts, 1, v, near, size);
  const begin = wide_from(facts, v);
  if (from_there(begin, near)) return wide_overlap(facts, side, v, near, size);
  const inner = begin < 1 ? wide_overlap(facts, side, v, begin, 1 - begin) : piecewise_average(facts, v) ** 2;
  const fall = begin < 1 ? begin - near : size;
  if (side === 1) return inner + end_rise(facts, 1, v, near, fall);
  const end = opposite_overlap(facts, v);
  if (inner < Math.abs(end)) return inner - end_rise(facts, -1, v, near, fall);
  return end + end_rise(facts, -1, v, 0, near);
}

/** The integral of C', its smooth part by parts from the end where that is smaller. */
function rise_by_parts(facts, side, v, near, fall) {
  const far = Math.min(near + fall, 1);
  const [low, high] = [near_end(near), near_end(far)];
  const width = fall > 0 ? 2 * fall / ((2 - near) * (2 - far) * (low + high)) : 0;
  const [jumps, change, from_low, from_high] = correlation_integrals(facts, side, v, low, width);
  if (!facts.slanted) return jumps;
  const at_far = (change >= 0) === (side === 1);
  return jumps + fall * smooth_slope(facts, side, v, at_far ? far : near) + side * (at_far ? from_low : -from_high);
}

/** Of the distinct pairs [V n2(t_i, t_j) at correlation 1 - far, the two parts of its exponent, the four weights]. */
function pair_densities(facts, v, far) {
  const root = 2 * Math.PI * Math.sqrt(far * (2 - far));
  return threshold_pairs(facts, 1, false).map(([s, d, ...weights]) => {
    const above = s ? Math.min(s * (2 / (2 - far) / v), 1e300) : 0;
    const below = d ? Math.min(d * (2 / far / v), 1e300) : 0;
    const value = Math.exp(-above - below);
    const meet = (far === 0 && d === 0) || (far === 2 && s === 0);
    return [value > 0 && root > 0 ? value / root : meet ? Infinity : 0, above, below, ...weights];
  });
}

/** J_i J_j V n2(t_i, t_j) at correlation 1 - far. */
function jump_slope(facts, v, far) {
  return pair_densities(facts, v, far).reduce((sum, [density, , , weight]) => weight ? sum + weight * density : sum, 0);
}

/** C at variance >= 0 and |correlation| <= 1. */
function piecewise_overlap(shape, variance, rho) {
  const [facts, v, r] = [shape_facts(shape), checked_variance(variance), correlation(rho)];
  if (Number.isNaN(v + r)) return NaN;
  return overlap_at(facts, r < 0 ? -1 : 1, v, 1 - Math.abs(r), Math.abs(r));
}

/** dC/ds at s = 1 - apart, apart in [0, 2]; infinite at 0 where f jumps. */
function piecewise_slope(shape, variance, apart) {
  const [facts, v, far] = [shape_facts(shape), checked_variance(variance), distance(apart, 2)];
  if (Number.isNaN(v + far)) return NaN;
  const [side, near] = [far <= 1 ? 1 : -1, Math.min(far, 2 - far)];
  if (from_there(slope_from(facts, v), near)) return wide_slope(facts, side, v, near, 1 - near);
  return jump_slope(facts, v, far) + smooth_slope(facts, side, v, near);
}

/** C at correlation 1 - rest less that at 1 - rest - drop >= -1, to its last digits as both vanish. */
function piecewise_difference(shape, variance, rest, drop) {
  const [facts, v] = [shape_facts(shape), checked_variance(variance)];
  const [near, fall] = [distance(rest, 2), distance(drop, 2)];
  if (Number.isNaN(v + near + fall)) return NaN;
  let value = near < 1 ? overlap_rise(facts, 1, v, near, Math.min(fall, 1 - near)) : 0;
  if (near + fall > 1) value += overlap_rise(facts, -1, v, distance(2 - near - fall, 2), near > 1 ? fall : near + fall - 1);
  return value;
}
