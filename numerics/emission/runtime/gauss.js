// Rules of Gauss and Legendre, and the standard normal density, which emitted JavaScript calls.

/** The nodes on (-1, 1) and weights by number of nodes, each once it is needed. */
const LEGENDRE = new Map();

/** [nodes, weights] of Gauss and Legendre on (-1, 1), n of them: Newton's method on the polynomial. */
function gauss_legendre(n) {
  if (LEGENDRE.has(n)) return LEGENDRE.get(n);
  const [nodes, weights] = [new Float64Array(n), new Float64Array(n)];
  for (let k = 0; 2 * k < n; k++) {
    let x = 2 * k + 1 === n ? 0 : Math.cos(Math.PI * (k + 0.75) / (n + 0.5));
    let rate = 0;
    for (let count = 0; count < 8; count++) {
      const [value, before] = legendre_values(n, x);
      rate = n * (x * value - before) / (x * x - 1);
      const step = value / rate;
      x -= step;
      if (Math.abs(step) < 1e-16) break;
    }
    nodes[k] = -x;
    nodes[n - 1 - k] = x;
    weights[k] = weights[n - 1 - k] = 2 / ((1 - x) * (1 + x) * rate * rate);
  }
  LEGENDRE.set(n, [nodes, weights]);
  return [nodes, weights];
}

/** The Legendre polynomials of degree n and n - 1 at x. */
function legendre_values(n, x) {
  let [before, value] = [1, x];
  for (let k = 2; k <= n; k++) [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
  return n === 1 ? [x, 1] : [value, before];
}

/** The number between low and high that is nearest to value. */
function within(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
