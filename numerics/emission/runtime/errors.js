// The error function and its kin.

/** Beyond it erf is summed by its continued fraction, below by its series. */
const FAR = 1.5;

/** erf(x), by its series of positive terms (Abramowitz and Stegun 1964, 7.1.6), or from erfc. */
function erf(x) {
  const size = Math.abs(x);
  if (size > FAR) return Math.sign(x) * (1 - erfcx(size) * gaussian(size));
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Number.EPSILON / 8 * Math.abs(sum); n++) {
    term *= 2 * x * x / (2 * n + 1);
    sum += term;
  }
  return sum === 0 ? sum : 2 / Math.sqrt(Math.PI) * gaussian(x) * sum;
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
  if (!(x > FAR)) return Math.exp(x * x) * (1 - erf(x));
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
