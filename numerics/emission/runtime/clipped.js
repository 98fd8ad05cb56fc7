// Clipped bivariate normals, which emitted JavaScript calls.

/** [x, 1 - x, weight] on (0, 1): logarithmic down to 1 / sharpness, then doubly exponential (Takahasi and Mori 1974). */
function unit_interval_rule(sharpness) {
  const step = 1 / 6;
  const onset = -Math.log(sharpness);
  const rule = [];
  for (let k = Math.floor((onset - 2.7) / step); k <= Math.ceil(2.7 / step); k++) {
    const left = Math.exp(1.5 * (onset - step * k));
    const right = Math.exp(1.5 * step * k);
    const t = step * k + (right - left) / 1.5;
    const [x, rest] = [1 / (1 + Math.exp(-t)), 1 / (1 + Math.exp(t))];
    rule.push([x, rest, step * x * rest * (1 + left + right)]);
  }
  return rule;
}

/** The rules by decade of sharpness, each once it is needed. */
const UNIT_RULES = new Map();

/** The rule of the decade above a sharpness. */
function unit_rule_of(sharpness) {
  const decade = Math.ceil(Math.log10(Math.max(sharpness, 10)));
  if (!UNIT_RULES.has(decade)) UNIT_RULES.set(decade, unit_interval_rule(Math.pow(10, decade)));
  return UNIT_RULES.get(decade);
}

const FARTHEST = 50; // the normal density there is exp(-1250), which rounds to 0, as beyond

/**
 * Integrals of D(s) and of (r - s) D(s) over s below r, D(s) = 2 n2(a, a; s) - 2 n2(a, -a; s), n2 the bivariate normal
 * density; x^2 = (1 - s) / (1 + s) runs from low, where s = r, to low + width = 1 - top. Plackett 1954; Owen 1956.
 */
function strip_integrals(a, low, width, top) {
  if (a < 0) throw new RangeError(`clipped normals: a = ${a} is negative; give numbers >= 0`);
  if (!Number.isFinite(100 / (a > 0 ? a : 1))) return [NaN, NaN];
  const h = Math.min(a, FARTHEST) ** 2 / 2;
  let [first, second] = [0, 0];
  for (const [t, rest, w] of unit_rule_of(100 / (a > 0 ? a : 1))) {
    const x = low + width * t;
    const square = 1 + x * x;
    const strip = Math.expm1(-h * (top + width * rest) * (1 + x) * square / (x * x));
    const density = -2 / Math.PI * width * w / square * Math.exp(-h * square) * strip;
    first += density;
    second += density * 2 * width * t * (x + low) / (square * (1 + low * low));
  }
  return [first, second];
}

/** `strip_integrals` over 0 < s < |rho|. */
function corner_integrals(a, rho) {
  const r = Math.abs(correlation(rho));
  const low = Math.sqrt((1 - r) / (1 + r));
  return strip_integrals(a, low, 2 * r / ((1 + r) * (1 + low)), 0);
}

/** P(|x| < a) of a standard normal x, squared. */
function inside_squared(a) {
  const inside = erf(a / Math.SQRT2);
  return inside * inside;
}

/** P(|x| < a, |y| < a) for standard normal x, y of correlation rho; a >= 0 and |rho| <= 1. */
function box_probability(a, rho) {
  return inside_squared(a) + corner_integrals(a, rho)[0];
}

/** box_probability in terms of apart = 1 - rho^2 in [0, 1], to its last digits as that vanishes. */
function box_apart(a, apart) {
  const r = Math.sqrt(1 - apart);
  const low = Math.sqrt(apart) / (1 + r);
  return inside_squared(a) + strip_integrals(a, low, 2 * r / ((1 + r) * (1 + low)), 0)[0];
}

/** E clip(x, -a, a) clip(y, -a, a) for standard normal x, y of correlation rho. */
function clip_covariance(a, rho) {
  const second = corner_integrals(a, rho)[1];
  return rho * inside_squared(a) + (rho < 0 || Object.is(rho, -0) ? -second : second);
}

/** clip_covariance at correlation 1 - rest less that at 1 - rest - drop, rest <= 1: a sum of positive terms. */
function clip_difference(a, rest, drop) {
  const crosses = rest + drop > 1;
  const far = crosses ? 1 : rest + drop;
  const part = crosses ? 1 - rest : drop;
  const [low, high] = [Math.sqrt(rest / (2 - rest)), Math.sqrt(far / (2 - far))];
  const width = part > 0 ? 2 * part / ((2 - rest) * (2 - far) * (low + high)) : 0;
  const below = 2 * (1 - far) / ((2 - far) * (1 + high));
  const inside = inside_squared(a) + strip_integrals(a, high, below, 0)[0];
  const beyond = crosses ? rest + drop - 1 : 0;
  return part * inside + strip_integrals(a, low, width, below)[1] + clip_covariance(a, beyond);
}
