// stochastic-binary: derived, not written. Stamatescu et al. 2020, appendix.
// Weights binary; neurons stochastic (logistic); treatment network; form exact.

/** value, but zero() where q is 0 and infinity() where q is infinite. */
function at_extremes(value, q, zero, infinity) {
  if (q === 0) return zero();
  return q === Infinity ? infinity() : value;
}

/** share * value, 0 where share is 0, even if value is infinite. */
function scaled(share, value) {
  return share === 0 ? 0 : share * value;
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

/** s times the density of Kolmogorov's law at s, by the series in s or, below 1, its dual (Feller 1948). */
function kolmogorov_density(s) {
  let sum = 0;
  for (let j = 1; j < 8; j++) {
    const large = 2 * (j * s) * (j * s);
    const odd = (2 * j - 1) * Math.PI / s;
    const dual = odd * odd / 8;
    sum += s > 1 ? (j % 2 ? 4 : -4) * large * Math.exp(-large) : (2 * dual - 1) * Math.exp(-dual);
  }
  return s > 1 ? sum : Math.sqrt(2 * Math.PI) / s * sum;
}

/** [log s, weight] of the mixture: a trapezoidal sum, whose error falls as exp(-5 / step). */
function mixture_rule(step) {
  const rule = [];
  for (let k = -Math.ceil(1.9 / step); k <= Math.ceil(1.6 / step); k++) {
    rule.push([step * k, step * kolmogorov_density(Math.exp(step * k))]);
  }
  return rule;
}

/** Eigenvalues of a symmetric tridiagonal matrix, by rotations of its planes (Jacobi). */
function eigenvalues(diagonal, beside) {
  const n = diagonal.length;
  const a = diagonal.map((value, i) => diagonal.map((_, j) => i === j ? value : Math.abs(i - j) === 1 ? beside[Math.min(i, j)] : 0));
  for (let sweep = 0; sweep < 40; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (a[p][q] === 0) continue;
        const ratio = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const t = (ratio < 0 ? -1 : 1) / (Math.abs(ratio) + Math.hypot(ratio, 1));
        const cosine = 1 / Math.hypot(t, 1);
        const sine = t * cosine;
        for (let k = 0; k < n; k++) [a[k][p], a[k][q]] = [cosine * a[k][p] - sine * a[k][q], sine * a[k][p] + cosine * a[k][q]];
        for (let k = 0; k < n; k++) [a[p][k], a[q][k]] = [cosine * a[p][k] - sine * a[q][k], sine * a[p][k] + cosine * a[q][k]];
      }
    }
  }
  return a.map((row, i) => row[i]);
}

/** [log s, weight], 14 Gauss nodes of the mixture over sqrt s: Golub and Welsch 1969, by Lanczos. */
function mixture_nodes() {
  const rule = mixture_rule(1 / 16);
  const measure = rule.map(([node, weight]) => weight * Math.exp(-node / 2));
  const mass = measure.reduce((sum, each) => sum + each, 0);
  let vector = measure.map((each) => Math.sqrt(each / mass));
  let previous = vector.map(() => 0);
  const [diagonal, beside] = [[], []];
  for (let k = 0; k < 14; k++) {
    const mean = vector.reduce((sum, each, i) => sum + rule[i][0] * each * each, 0);
    const residual = vector.map((each, i) => (rule[i][0] - mean) * each - (k ? beside[k - 1] : 0) * previous[i]);
    const size = Math.sqrt(residual.reduce((sum, each) => sum + each * each, 0));
    diagonal.push(mean);
    beside.push(size);
    [previous, vector] = [vector, residual.map((each) => each / size)];
  }
  return eigenvalues(diagonal, beside).map((node) => [node, christoffel(node, diagonal, beside)]);
}

/** The weight of a Gauss node: 1 over the sum of squares of the orthonormal polynomials there. */
function christoffel(node, diagonal, beside) {
  let [before, value, sum] = [0, 1, 1];
  for (let k = 0; k + 1 < diagonal.length; k++) {
    [before, value] = [value, ((node - diagonal[k]) * value - (k ? beside[k - 1] : 0) * before) / beside[k]];
    sum += value * value;
  }
  return 1 / sum;
}

/** [a + b, a b, weight]: E over independent a = s^2 and b of a symmetric function of both, by 2/pi. */
function mixture_pairs() {
  const nodes = mixture_nodes();
  const mass = nodes.reduce((sum, [node, weight]) => sum + weight * Math.exp(node / 2), 0);
  const shares = nodes.map(([node, weight]) => [Math.exp(2 * node), weight * Math.exp(node / 2) / mass]);
  const pairs = [];
  shares.forEach(([a, p], j) => shares.slice(0, j + 1).forEach(([b, q], k) => {
    pairs.push([a + b, a * b, (j === k ? 2 : 4) / Math.PI * p * q]);
  }));
  return pairs;
}

/** The rule, once it is needed. */
const MIXTURE = { pairs: null, rule: null };

/** E term(a + b, spread, min(V, 1), 1 / max(V, 1)) over max(V, 1)^decay, a = s^2 and b independent. */
function over_pairs(term, decay, variance) {
  if (variance < 0) throw new RangeError(`expectations of tanh: variance ${variance} is negative; give numbers >= 0`);
  MIXTURE.pairs = MIXTURE.pairs ?? mixture_pairs();
  const low = Math.min(variance, 1);
  const large = Math.max(variance, 1);
  const high = 1 / Math.min(large, Number.MAX_VALUE);
  let sum = 0;
  for (const [total, product, weight] of MIXTURE.pairs) {
    sum += weight * term(total, low * high * total + high * high * product, low, high);
  }
  return decay ? sum / large : sum;
}

/** rho, where a magnitude of 1 plus at most 1e-15, a ratio's rounding, counts as 1. */
function correlation(rho) {
  if (Math.abs(rho) > 1 + 1e-15) throw new RangeError(`correlation ${rho}; give numbers in [-1, 1]`);
  return Math.min(Math.max(rho, -1), 1);
}

/** value in [0, largest], where 2e-15 beyond an end is rounding and counts as the end. */
function distance(value, largest) {
  if (Math.abs(value - largest / 2) > largest / 2 + 2e-15) throw new RangeError(`distance ${value}; give numbers in [0, ${largest}]`);
  return Math.min(Math.max(value, 0), largest);
}

/** E tanh(u), u ~ N(mean, variance), or its derivative in the mean of that order. */
function tanh_mean(mean, variance, order = 0) {
  if (variance < 0) throw new RangeError(`tanh_mean: variance ${variance} is negative; give numbers >= 0`);
  MIXTURE.rule = MIXTURE.rule ?? mixture_rule(1 / 9);
  let sum = 0;
  for (const [node, weight] of MIXTURE.rule) {
    const width = Math.sqrt(variance + Math.exp(2 * node));
    const x = Math.min(Math.max(mean / width, -50), 50);
    if (order === 0) sum += weight * erf(x / Math.SQRT2);
    else sum -= weight * Math.sqrt(2 / Math.PI) * hermite(order - 1, x) * Math.exp(-x * x / 2) / Math.pow(-width, order);
  }
  return sum;
}

/** The Hermite polynomial He_n(x). */
function hermite(n, x) {
  let [before, value] = [0, 1];
  for (let k = 0; k < n; k++) [before, value] = [value, x * value - k * before];
  return value;
}

/** E tanh(u) tanh(v), u and v of mean 0, one variance in [0, inf] and that correlation, by the arcsine law. */
function tanh_overlap(variance, rho) {
  const r = correlation(rho);
  return over_pairs((_, spread, low) => Math.atan(r * low / Math.sqrt(low * low * (1 - r) * (1 + r) + spread)), 0, variance);
}

/** tanh_overlap at correlation 1 - rest less that at 1 - rest - drop >= -1, to its last digits as both vanish. */
function tanh_difference(variance, rest, drop) {
  const near = distance(rest, 2);
  const fall = distance(drop, 2);
  const beyond = Math.max(2 - Math.max(near, fall) - Math.min(near, fall), 0);
  return 2 * over_pairs((_, spread, low) => {
    const first = Math.sqrt(low * low * near * (2 - near) + spread);
    const second = Math.sqrt(low * low * (near + fall) * beyond + spread);
    return Math.atan(fall * low / (first + second));
  }, 0, variance);
}

/** E tanh'(u) tanh'(v), u and v of mean 0, one variance in [0, inf] and correlation r, apart = 1 - r^2. */
function tanh_slope_overlap(variance, apart) {
  const square = distance(apart, 1);
  return over_pairs((_, spread, low) => 1 / Math.sqrt(low * low * square + spread), 1, variance);
}

/**
 * Mean of a neuron, E x.
 *
 * h: field, any real.
 */
function mean(h) {
  return Math.tanh(h / 2);
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
  return (sigma_b2 + sigma_m2 * tanh_overlap(q / 4, c)) / (1 + sigma_b2);
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
  const x0 = q / 4;
  return sigma_m2 * x0 * tanh_slope_overlap(x0, (1 - c) * (1 + c)) / (1 + sigma_b2);
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
  const x0 = 1 / (1 + sigma_b2);
  const x1 = q / 4;
  const x2 = (1 - sigma_m2);
  const x3 = sigma_m2 * x0;
  return at_extremes(x0 * (x2 + sigma_m2 * tanh_mean(0, x1, 1)) + x3 * tanh_difference(x1, 0, gap), q, () => x0 * (x2 + sigma_m2), () => x0 * x2 + 1.2732395447351628 * x3 * Math.atan2(gap, Math.sqrt(gap) * Math.sqrt(2 - gap)));
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
  const x0 = q / 4;
  const x1 = 2 - gap;
  const x2 = sigma_m2 / (1 + sigma_b2);
  return at_extremes(x0 * x2 * tanh_slope_overlap(x0, gap * x1), q, () => 0, () => scaled(x2, 0.6366197723675814 / (Math.sqrt(gap) * Math.sqrt(x1))));
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
  return (sigma_b2 + sigma_m2 * tanh_overlap(T / 4, r)) / (1 + sigma_b2);
}

/**
 * Growth of squared gradients, chi_g.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function gradient_growth(q, sigma_m2, sigma_b2) {
  return tanh_slope_overlap(q / 4, 0) / 4;
}

/**
 * Factor a layer of the overlap of the gradients of two inputs.
 *
 * c: correlation of two inputs, in [-1, 1].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function gradient_overlap(c, q, sigma_m2, sigma_b2) {
  return sigma_m2 * tanh_slope_overlap(q / 4, (1 - c) * (1 + c)) / 4;
}

export { mean, second_moment, total_map, total_slope, variance_map, variance_slope, correlation_map, chi, gap_map, chi_at_gap, replica_map, gradient_growth, gradient_overlap };
