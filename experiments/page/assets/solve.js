// Fixed points and depth scales of emitted maps, by the methods of meanbits.numerics.solvers, one point at a time.

const EPSILON = Number.EPSILON;
const SLOPE_ROUNDING = 16 * EPSILON;
const LAST_STEP = Math.pow(2, -27);
const LARGEST = Math.exp(500);
const VANISHING = Math.pow(2, -480);
const FAINT = 1e-150;
const HIDDEN = 1e-12; // of after(x)/x - 1: rounding hides its sign
const RESIDUAL = 1e-9;

/** -1/ln|slope|: infinite at 1, 0 at 0, negative beyond 1, where differences grow. */
function depthScale(slope) {
  const size = Math.abs(slope);
  return Math.abs(size - 1) <= SLOPE_ROUNDING ? Infinity : -1 / Math.log(size);
}

/** x = after(x) between low and high, where after(x) - x goes from plus to minus: Newton's method in log x. */
function bracketed(after, slope, low, high) {
  let x = Math.sqrt(low) * Math.sqrt(high);
  for (let count = 0; count < 200; count++) {
    const value = after(x);
    const ratio = value / x;
    if (value > x) low = x; else high = x;
    const step = Math.log(ratio) / (1 - slope(x) / ratio);
    const proposal = x * Math.exp(step);
    if (proposal > low && proposal < high) {
      x = proposal;
      if (Math.abs(step) <= LAST_STEP) return x;
    } else if (Math.abs(ratio - 1) <= EPSILON) {
      return x;
    } else {
      x = Math.sqrt(low) * Math.sqrt(high);
    }
  }
  return x;
}

/** Where the iteration of an increasing map from 1 ends, in [0, infinity]; NaN where it is no number. */
function reached(after, slope) {
  const start = after(1);
  if (Number.isNaN(start)) return NaN;
  if (Math.abs(start - 1) <= SLOPE_ROUNDING) return 1;
  const way = start > 1 ? 1 : -1;
  let last = 0;
  for (let at = 0.5; at <= 498; at += at < 46 ? 0.5 : 14) {
    const x = Math.exp(way * at);
    const value = after(x);
    if (Number.isNaN(value)) break;
    if (Math.abs(value / x - 1) <= HIDDEN) continue;
    if (Math.sign(value - x) !== way) {
      const ends = [Math.exp(way * last), x];
      return bracketed(after, slope, Math.min(...ends), Math.max(...ends));
    }
    last = at;
  }
  if (way > 0) return after(Infinity);
  const zero = after(0);
  return zero > 0 ? zero / (1 - slope(0)) : zero;
}

/** The largest gap = after(gap) in [0, 1], after concave and increasing: Newton's method descends to it. */
function descended(after, slope, start) {
  let x = start;
  for (let count = 0; count < 200; count++) {
    const [rate, value] = [slope(x), after(x)];
    const step = (x - value) / (1 - rate);
    const lower = (value - rate * x) / (1 - rate);
    const allowed = count ? step > EPSILON * x : rate < 1 && x - step <= 1;
    const moves = allowed && lower > 0;
    if (!moves && count) return x;
    x = moves ? (lower < x / 2 ? lower : x - step) : 1;
    if (moves && Math.abs(step) <= LAST_STEP * x) return x;
  }
  return x;
}

/** Roughly the fixed point of the gap. */
function nearbyGap(apart, chi_1, farthest) {
  const aligned = (chi_1 * chi_1 - 1) / (Math.pow(chi_1 / farthest, 2) - 1);
  const guess = apart === 0 ? aligned : farthest;
  return Number.isNaN(guess) ? 1 : Math.min(Math.max(guess, 0), 1);
}

/** The maps at variances and parameters: functions of q, and of the gap at q. scale: squared gain, in those of the maps. */
function mapsAt(maps, kind, point) {
  const scale = point.scale ?? 1;
  const open = point.open ?? [];
  let [biases, total] = [point.sigma_b2, []];
  let T = NaN;
  if (kind.takesTotal) {
    T = reached((x) => maps.total_map(x, point.sigma_m2, biases, ...open), (x) => maps.total_slope(x, point.sigma_m2, biases, ...open));
    if (T === 0) biases = VANISHING * (1 - Math.min(maps.total_slope(VANISHING, point.sigma_m2, biases, ...open), 1));
    total = [Math.min(Math.max(T, VANISHING), 1 / VANISHING)];
  }
  const rest = [point.sigma_m2, biases, ...total, ...open];
  return {
    T,
    after: (q) => maps.variance_map(scale * q, ...rest),
    slope: (q) => scale * maps.variance_slope(scale * q, ...rest),
    gap: (gap, q) => maps.gap_map(gap, scale * q, ...rest),
    chi: (gap, q) => maps.chi_at_gap(gap, scale * q, ...rest),
    correlation: (c, q) => 1 - maps.gap_map(1 - c, scale * q, ...rest),
  };
}

/** The slope of 1/q where q is infinite. */
function slopeAtInfinity(at, kind, chi_1) {
  if (kind.followsReplicas) return chi_1;
  const limit = at.slope(Infinity);
  return limit > 0 ? 1 / limit : LARGEST / at.after(LARGEST);
}

/** Whether q is its map's own value, but for rounding; so are 0 and infinity where they are reached. */
function putBack(x, after) {
  return x === 0 || x === Infinity || Math.abs(after(x) / x - 1) <= RESIDUAL;
}

/** The stable fixed point at a point {sigma_m2, sigma_b2, scale, open}; null where there is none. */
function fixedPoint(maps, kind, point) {
  const at = mapsAt(maps, kind, point);
  const q = reached(at.after, at.slope);
  if (Number.isNaN(q) || !putBack(q, at.after)) return null;
  const gapMap = (gap) => at.gap(gap, q);
  const chiAt = (gap) => at.chi(gap, q);
  const apart = gapMap(0);
  const vanished = apart === 0 && q === 0;
  let chi_1 = chiAt(0);
  let dq = q === Infinity ? slopeAtInfinity(at, kind, chi_1) : at.slope(q);
  if (vanished) chi_1 = dq;
  let [gap, chi] = [0, chi_1];
  if (apart !== 0 || !(chi_1 <= 1)) {
    const farthest = gapMap(1);
    if (apart === 0 && farthest <= FAINT) {
      [chi, chi_1] = kind.faint;
    } else {
      gap = descended(gapMap, chiAt, nearbyGap(apart, chi_1, farthest));
      if (!putBack(gap, gapMap)) return null;
      chi = vanished ? dq : chiAt(gap);
    }
  }
  if (point.sigma_m2 === 0) [dq, chi_1, chi] = [0, 0, 0];
  const found = { q, T: at.T, gap, c: 1 - gap, chi, chi_1, dq, xi_q: depthScale(dq), xi_c: depthScale(chi) };
  return Object.values({ ...found, T: 0 }).some(Number.isNaN) ? null : { ...found, phase: phaseOf(chi_1), at };
}

/** ordered, critical or chaotic: chi_1 below 1, at 1 to the rounding of the maps, or above. */
function phaseOf(chi_1) {
  if (Math.abs(chi_1 - 1) <= SLOPE_ROUNDING) return "critical";
  return chi_1 > 1 ? "chaotic" : "ordered";
}

/** c and q of layer 0 to depth, from c0 and q0. */
function orbit(at, depth, c0, q0) {
  const [gaps, variances] = [[1 - c0], [q0]];
  for (let layer = 0; layer < depth; layer++) {
    gaps.push(at.gap(gaps[layer], variances[layer]));
    variances.push(at.after(variances[layer]));
  }
  return { c: gaps.map((gap) => 1 - gap), q: variances };
}
