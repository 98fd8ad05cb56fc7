// baldassi: derived, not written. Baldassi et al. 2018, arXiv 1710.09825.
// Weights binary; neurons sign; treatment marginalise; form exact.

/** part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite. */
function portion(part, rest) {
  return rest === 0 ? 1 : 1 / (1 + rest / part);
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
  return erf(0.7071067811865476 * hbar / Math.sqrt(Sigma));
}

/**
 * Second moment, E x^2.
 *
 * hbar: mean of the field, any real.
 * Sigma: variance of the field, >= 0.
 */
function second_moment(hbar, Sigma) {
  return 1;
}

/**
 * Total field variance of the next layer, T'.
 *
 * T: total field variance, > 0.
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function total_map(T, sigma_m2, sigma_b2) {
  return 1 + sigma_b2;
}

/**
 * Slope of it, dT'/dT.
 *
 * T: total field variance, > 0.
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function total_slope(T, sigma_m2, sigma_b2) {
  return 0;
}

/**
 * Variance map, q'.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function variance_map(q, sigma_m2, sigma_b2) {
  return (sigma_b2 + sigma_m2) * 1 / ((1 - sigma_m2));
}

/**
 * Slope of it, dq'/dq.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function variance_slope(q, sigma_m2, sigma_b2) {
  return 0;
}

/**
 * Correlation map, c'.
 *
 * c: correlation of two inputs, in [-1, 1].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function correlation_map(c, q, sigma_m2, sigma_b2) {
  return (sigma_b2 + c * sigma_m2) / (sigma_b2 + sigma_m2);
}

/**
 * Slope of the correlation map, chi = dc'/dc.
 *
 * c: correlation of two inputs, in [-1, 1].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function chi(c, q, sigma_m2, sigma_b2) {
  return sigma_m2 / (sigma_b2 + sigma_m2);
}

/**
 * Correlation map in the gap, 1 - c', exact to rounding as gap -> 0; q may be 0 or infinite.
 *
 * gap: 1 - c, in [0, 2].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function gap_map(gap, q, sigma_m2, sigma_b2) {
  return gap * portion(sigma_m2, sigma_b2);
}

/**
 * Slope of the correlation map, chi = dc'/dc, in terms of the gap.
 *
 * gap: 1 - c, in [0, 2].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function chi_at_gap(gap, q, sigma_m2, sigma_b2) {
  return portion(sigma_m2, sigma_b2);
}

export { mean, second_moment, total_map, total_slope, variance_map, variance_slope, correlation_map, chi, gap_map, chi_at_gap };
