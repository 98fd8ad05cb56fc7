// The error function and its kin.

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

/** erfc(x) = 1 - erf(x), to its last digits far out. */
function erfc(x) {
  return x > 0.5 ? erfcx(x) * gaussian(x) : 1 - erf(x);
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

/** exp(a) erfc(b), finite wherever the product is; for b > 0 exp(a - b^2) erfcx(b), a difference of a few ulp being 0. */
function exp_erfc(a, b) {
  if (!(b > 0)) return Math.exp(a / 2) * erfc(b) * Math.exp(a / 2);
  const square = b * b;
  const rest = Math.abs(a - square) < 8 * Number.EPSILON * square ? 0 : a - square;
  return Math.exp(rest / 2) * erfcx(b) * Math.exp(rest / 2);
}
