// Gaussian expectations of tanh, which emitted JavaScript calls: sums over the scale mixture of erfs that tanh is.
// tanh(x) = E erf(x / (s sqrt 2)), s of Kolmogorov's law. Andrews and Mallows 1974, J. R. Statist. Soc. B 36, 99.

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

/** E tanh''(u) tanh''(v) / r, the arguments as in tanh_slope_overlap. */
function tanh_curvature_overlap(variance, apart) {
  const square = distance(apart, 1);
  return over_pairs((_, spread, low, high) => {
    const determinant = low * low * square + spread;
    return low * high / determinant / Math.sqrt(determinant);
  }, 1, variance);
}

/** The derivative of tanh_overlap in the variance, at fixed correlation. */
function tanh_overlap_growth(variance, rho) {
  const r = correlation(rho);
  return over_pairs((total, spread, low, high) => {
    const root = Math.sqrt(low * low * (1 - r) * (1 + r) + spread);
    return r * (spread - low * high / 2 * total) / (low * low + spread) / root;
  }, 1, variance);
}

/** The derivative of tanh_slope_overlap in the variance, at fixed correlation. */
function tanh_slope_growth(variance, apart) {
  const square = distance(apart, 1);
  return over_pairs((total, spread, low, high) => {
    const determinant = low * low * square + spread;
    return -(low * square + high / 2 * total) * high / determinant / Math.sqrt(determinant);
  }, 1, variance);
}
