// random-binary: derived, not written. Stamatescu et al. 2020, appendix; Blumenfeld et al. 2019, arXiv 1906.00771.
// Weights fixed signs; neurons sign; treatment none; form exact.

/** rho, where a magnitude of 1 plus at most 1e-15, a ratio's rounding, counts as 1. */
function correlation(rho) {
  if (Math.abs(rho) > 1 + 1e-15) throw new RangeError(`correlation ${rho}; give numbers in [-1, 1]`);
  return Math.min(Math.max(rho, -1), 1);
}

/**
 * Mean of a neuron, E x.
 *
 * h: field, any real.
 */
function mean(h) {
  return Math.sign(h);
}

/**
 * Second moment, E x^2.
 *
 * h: field, any real.
 */
function second_moment(h) {
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
  return 1 + sigma_b2;
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
  return 0.3183098861837907 * (2 * Math.asin(c) + 3.141592653589793 * sigma_b2) / (1 + sigma_b2);
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
  return 0.6366197723675814 / (Math.sqrt(1 - c) * Math.sqrt(1 + c) * (1 + sigma_b2));
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
  return 1.2732395447351628 * Math.atan2(gap, Math.sqrt(gap) * Math.sqrt(2 - gap)) / (1 + sigma_b2);
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
  return 0.6366197723675814 / (Math.sqrt(gap) * Math.sqrt(2 - gap) * (1 + sigma_b2));
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
  return (sigma_b2 + 0.6366197723675814 * Math.asin(r)) / (1 + sigma_b2);
}

export { mean, second_moment, total_map, total_slope, variance_map, variance_slope, correlation_map, chi, gap_map, chi_at_gap, replica_map };
