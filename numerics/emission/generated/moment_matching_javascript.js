// moment-matching: derived, not written. Hernandez-Lobato & Adams 2015, arXiv 1502.05336.
// Weights binary; neurons relu; treatment marginalise; form exact.

/** value, but zero() where q is 0 and infinity() where q is infinite. */
function at_extremes(value, q, zero, infinity) {
  if (q === 0) return zero();
  return q === Infinity ? infinity() : value;
}

/** part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite. */
function portion(part, rest) {
  return rest === 0 ? 1 : 1 / (1 + rest / part);
}

/** (sin t - t cos t) / (2 pi), cos t = 1 - delta, delta in [0, 2]; by its series where the difference cancels. */
function arc_cosine_kernel(delta) {
  const t = 2 * Math.asin(Math.sqrt(delta / 2));
  if (!(t < 1)) return (Math.sin(t) - t * Math.cos(t)) / (2 * Math.PI);
  let series = 0;
  let term = t * t * t;
  for (let k = 0; k < 10; k++) {
    series += term / (2 * k + 3);
    term *= -t * t / ((2 * k + 2) * (2 * k + 3));
  }
  return series / (2 * Math.PI);
}

/** The kernel E relu(x) relu(y) at correlation 1 - rest less that at 1 - rest - drop. */
function arc_cosine_difference(rest, drop) {
  const outer = rest + drop;
  const half = Math.atan2(drop, Math.sqrt(rest * (2 - rest)) + Math.sqrt(outer * (2 - outer)));
  const mid = 2 * Math.asin(Math.sqrt(rest / 2)) + half;
  const sine = Math.sin(half / 2);
  const between = (Math.PI - mid) * Math.sin(mid) * Math.sin(half) / Math.PI;
  return between - 2 * Math.cos(mid) * arc_cosine_kernel(2 * sine * sine);
}

/** Beyond it erfcx is summed by its continued fraction. */
const FAR = 1.5;

/** Taylor coefficients of erf around multiples of 1/8, each once it is needed. */
const ERF_SERIES = [];

/** erf(x), by its series around the nearest multiple of 1/8; from 1 on by that of 1 - erf(x), so that it is rounded once. */
function erf(x) {
  const size = Math.abs(x);
  if (!(size < 6)) return Number.isNaN(x) ? NaN : Math.sign(x);
  const near = Math.round(8 * size);
  const terms = ERF_SERIES[near] ?? (ERF_SERIES[near] = erf_terms(near / 8));
  const d = size - near / 8;
  let sum = terms[13];
  for (let k = 12; k >= 0; k--) sum = sum * d + terms[k];
  if (near >= 8) sum = 1 - sum;
  return x < 0 ? -sum : sum;
}

/** The Taylor coefficients around x >= 0, as far as 1/16 off they count: of erf, and from 1 on of 1 - erf. */
function erf_terms(x) {
  const terms = new Float64Array(14);
  terms[0] = x < 1 ? erf_slowly(x) : erfcx(x) * gaussian(x);
  let [before, slope] = [0, (x < 1 ? 2 : -2) / Math.sqrt(Math.PI) * gaussian(x)];
  for (let n = 0; n < 13; n++) {
    terms[n + 1] = slope / (n + 1);
    [before, slope] = [slope, -2 * (x * slope + before) / (n + 1)];
  }
  return terms;
}

/** erf(x), x >= 0, by its series of positive terms (Abramowitz and Stegun 1964, 7.1.6), or from erfc. */
function erf_slowly(x) {
  if (x > FAR) return 1 - erfcx(x) * gaussian(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Number.EPSILON / 8 * Math.abs(sum); n++) {
    term *= 2 * x * x / (2 * n + 1);
    sum += term;
  }
  return 2 / Math.sqrt(Math.PI) * gaussian(x) * sum;
}

/** exp(-x^2), the square taken in two parts so that large ones keep their digits. */
function gaussian(x) {
  const part = Math.round(x * 1048576) / 1048576;
  return Math.abs(x) > 40 ? 0 : Math.exp(-part * part) * Math.exp(-(x - part) * (x + part));
}

/** exp(x^2) erfc(x), x >= 0: the continued fraction of Laplace (Abramowitz and Stegun 1964, 7.1.14), by Lentz. */
function erfcx(x) {
  if (x === Infinity) return 0;
  if (!(x > FAR)) return Math.exp(x * x) * (1 - erf_slowly(x));
  let c = x;
  let value = x;
  let d = 0;
  for (let n = 1; n < 500; n++) {
    d = 1 / (x + n / 2 * d);
    c = x + n / 2 / c;
    value *= c * d;
    if (Math.abs(c * d - 1) < Number.EPSILON / 2) break;
  }
  return 1 / (value * Math.sqrt(Math.PI));
}

/** rho, where a magnitude of 1 plus at most 1e-15, a ratio's rounding, counts as 1. */
function correlation(rho) {
  if (Math.abs(rho) > 1 + 1e-15) throw new RangeError(`correlation ${rho}; give numbers in [-1, 1]`);
  return Math.min(Math.max(rho, -1), 1);
}

/**
 * Mean of a neuron, E x.
 *
 * hbar: mean of the field, any real.
 * Sigma: variance of the field, >= 0.
 */
function mean(hbar, Sigma) {
  const x0 = hbar / 2;
  const x1 = 1.4142135623730951;
  const x2 = Math.sqrt(Sigma);
  return x0 + x0 * erf(x0 * x1 / x2) + 0.28209479177387814 * x1 * x2 * Math.exp(-hbar * hbar / (2 * Sigma));
}

/**
 * Second moment, E x^2.
 *
 * hbar: mean of the field, any real.
 * Sigma: variance of the field, >= 0.
 */
function second_moment(hbar, Sigma) {
  const x0 = Sigma / 2;
  const x1 = hbar * hbar / 2;
  const x2 = 1.4142135623730951;
  const x3 = Math.sqrt(Sigma);
  const x4 = hbar / 2;
  const x5 = erf(x2 * x4 / x3);
  return x0 + x1 + x0 * x5 + x4 * (hbar * x5 + 0.5641895835477563 * x2 * x3 * Math.exp(-x1 / Sigma));
}

/**
 * Total field variance of the next layer, T'.
 *
 * T: total field variance, > 0.
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function total_map(T, sigma_m2, sigma_b2) {
  return sigma_b2 + T / 2;
}

/**
 * Slope of it, dT'/dT.
 *
 * T: total field variance, > 0.
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function total_slope(T, sigma_m2, sigma_b2) {
  return 0.5;
}

/**
 * Variance map, q'.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
function variance_map(q, sigma_m2, sigma_b2, T) {
  const x0 = 1 / (1 + q);
  const x1 = T * arc_cosine_kernel(x0 * (1 + 2 * q));
  const x2 = (1 - sigma_m2);
  const x3 = T / 2;
  const x4 = 0.3183098861837907 * x3;
  return at_extremes((sigma_b2 + sigma_m2 * x1) / (x1 * x2 + T * arc_cosine_difference(0, x0)), q, () => (sigma_b2 + sigma_m2 * x4) / (x3 - x4 + x2 * x4), () => 2 * (sigma_b2 + sigma_m2 * x3) / (T * x2));
}

/**
 * Slope of it, dq'/dq.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
function variance_slope(q, sigma_m2, sigma_b2, T) {
  const x0 = 0.3183098861837907;
  const x1 = 1 / (1 + q);
  const x2 = 1 + 2 * q;
  const x3 = T * arc_cosine_kernel(x1 * x2);
  const x4 = 1 - sigma_m2;
  const x5 = (x4);
  const x6 = 1 / (x3 * x5 + T * arc_cosine_difference(0, x1));
  const x7 = T / 2;
  const x8 = x0 * x7;
  const x9 = 1 / (x7 - x8 + x5 * x8);
  return at_extremes(sigma_m2 * ((T * x0 * x1 * x6 * Math.atan(Math.sqrt(x2)))) * ((x1 * (1 + x6 * (sigma_b2 + sigma_m2 * x3)))), q, () => sigma_m2 * ((T * x9 / 4)) * ((1 + x9 * (sigma_b2 + sigma_m2 * x8))), () => 2 * (sigma_b2 + sigma_m2 * x7) * portion(0, x4) / T);
}

/**
 * Correlation map, c'.
 *
 * c: correlation of two inputs, in [-1, 1].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
function correlation_map(c, q, sigma_m2, sigma_b2, T) {
  const x0 = 1 / (1 + q);
  const x1 = T * sigma_m2;
  return (sigma_b2 + x1 * arc_cosine_kernel(x0 * (1 + q * (1 + c)))) / (sigma_b2 + x1 * arc_cosine_kernel(x0 * (1 + 2 * q)));
}

/**
 * Slope of the correlation map, chi = dc'/dc.
 *
 * c: correlation of two inputs, in [-1, 1].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
function chi(c, q, sigma_m2, sigma_b2, T) {
  const x0 = 1 + q;
  const x1 = 1 / x0;
  const x2 = T * sigma_m2;
  const x3 = 1 / Math.sqrt(x0);
  return 0.3183098861837907 * q * x1 * x2 * Math.atan2(x3 * Math.sqrt(1 + q * (1 + c)), x3 * Math.sqrt(1 + q * (1 - c))) / (sigma_b2 + x2 * arc_cosine_kernel(x1 * (1 + 2 * q)));
}

/**
 * Correlation map in the gap, 1 - c', exact to rounding as gap -> 0; q may be 0 or infinite.
 *
 * gap: 1 - c, in [0, 2].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
function gap_map(gap, q, sigma_m2, sigma_b2, T) {
  const x0 = 1 / (1 + q);
  const x1 = arc_cosine_kernel(x0 * (1 + 2 * q));
  const x2 = T * sigma_m2;
  return at_extremes(portion(x1 * x2, sigma_b2) * ((arc_cosine_difference(x0, gap * q * x0) / x1)), q, () => 0, () => 2 * arc_cosine_difference(0, gap) * portion(x2 / 2, sigma_b2));
}

/**
 * Slope of the correlation map, chi = dc'/dc, in terms of the gap.
 *
 * gap: 1 - c, in [0, 2].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
function chi_at_gap(gap, q, sigma_m2, sigma_b2, T) {
  const x0 = 1 + q;
  const x1 = 1 / x0;
  const x2 = arc_cosine_kernel(x1 * (1 + 2 * q));
  const x3 = T * sigma_m2;
  const x4 = 0.3183098861837907;
  const x5 = 1 / Math.sqrt(x0);
  const x6 = 2 - gap;
  return at_extremes(portion(x2 * x3, sigma_b2) * ((q * x1 * x4 * Math.atan2(x5 * Math.sqrt(1 + q * x6), x5 * Math.sqrt(1 + gap * q)) / x2)), q, () => 0, () => 2 * x4 * portion(x3 / 2, sigma_b2) * Math.atan2(Math.sqrt(x6), Math.sqrt(gap)));
}

/**
 * Replica map, g(r).
 *
 * r: replica overlap, in [-1, 1].
 * T: total field variance, > 0.
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function replica_map(r, T, sigma_m2, sigma_b2) {
  return (sigma_b2 + T * sigma_m2 * arc_cosine_kernel(1 + r)) / (sigma_b2 + T / 2);
}

/**
 * Mean squared singular value of the layer Jacobian.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
function jacobian(q, sigma_m2, sigma_b2, T) {
  return 0.3183098861837907 * sigma_m2 * Math.atan(Math.sqrt(1 + 2 * q));
}

export { mean, second_moment, total_map, total_slope, variance_map, variance_slope, correlation_map, chi, gap_map, chi_at_gap, replica_map, jacobian };
