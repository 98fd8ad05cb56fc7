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
  const x = near_end(near);
  const change = correlation_integrals(facts, side, v, x, 2 * (1 - near) / ((2 - near) * (1 + x)))[1];
  const value = bend_slope(facts, 1, v) + side * change;
  if (side === 1 || !(change > value || near < slope_peak(facts, v))) return value;
  return bend_slope(facts, -1, v) + correlation_integrals(facts, -1, v, 0, x)[1];
}

/** C at correlation s = 1 - near less that at s - fall >= 0 (side 1); that at s + fall <= 0, s = near - 1 (-1). */
function overlap_rise(facts, side, v, near, fall) {
  if (side === -1 && facts.parity !== 0) return -facts.parity * overlap_rise(facts, 1, v, near, fall);
  if (side === 1 || !facts.bending) return rise_by_parts(facts, side, v, near, fall);
  const first = within(slope_peak(facts, v), near, Math.min(near + fall, 1)) - near;
  return rise_by_parts(facts, -1, v, near, first) + rise_by_parts(facts, -1, v, near + first, fall - first);
}

/** C at correlation near - 1 < 0, from that of -1 and 0 where it is smaller. */
function negative_overlap(facts, v, near) {
  const [end, middle] = [opposite_overlap(facts, v), piecewise_average(facts, v) ** 2];
  if (middle < Math.abs(end)) return middle - overlap_rise(facts, -1, v, near, 1 - near);
  return end + overlap_rise(facts, -1, v, 0, near);
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
  const [x, root] = [near_end(far), 2 * Math.PI * Math.sqrt(far * (2 - far))];
  const wide = facts.widest * (x + 1 / x) < Math.sqrt(v / 2);
  if (wide && root > 0 && facts.jumping && facts.moments[0][0][0] === 0) return moment_sum(facts, 0, 1, v, x) / root;
  return pair_densities(facts, v, far).reduce((sum, [density, , , weight]) => weight ? sum + weight * density : sum, 0);
}

/** C at variance >= 0 and |correlation| <= 1. */
function piecewise_overlap(shape, variance, rho) {
  const [facts, v, r] = [shape_facts(shape), checked_variance(variance), correlation(rho)];
  if (Number.isNaN(v + r)) return NaN;
  const turned = facts.parity === -1 && facts.middle !== 0 ? 0 : facts.parity;
  const size = Math.abs(r);
  if (r < 0 && turned === 0) return negative_overlap(facts, v, 1 + r);
  return (r < 0 ? turned : 1) * (piecewise_average(facts, v) ** 2 + overlap_rise(facts, 1, v, 1 - size, size));
}

/** dC/ds at s = 1 - apart, apart in [0, 2]; infinite at 0 where f jumps. */
function piecewise_slope(shape, variance, apart) {
  const [facts, v, far] = [shape_facts(shape), checked_variance(variance), distance(apart, 2)];
  if (Number.isNaN(v + far)) return NaN;
  const side = far <= 1 ? 1 : -1;
  return jump_slope(facts, v, far) + smooth_slope(facts, side, v, side === 1 ? far : 2 - far);
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
