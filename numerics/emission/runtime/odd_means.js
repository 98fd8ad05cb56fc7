// Means of odd functions of a Gaussian field, to their last digits near 0, which emitted JavaScript calls.

/** The average of f over (0, 1), by panels of 16 nodes of Gauss and Legendre. */
function average(panels, f) {
  const [nodes, weights] = gauss_legendre(16);
  let total = 0;
  for (let k = 0; k < 16 * panels; k++) {
    total += weights[k % 16] * f((Math.floor(k / 16) + (nodes[k % 16] + 1) / 2) / panels);
  }
  return total / (2 * panels);
}

/** 1 - erf there, and exp(-x^2), are below 2^-53. */
const FLAT = 6;

/** (erf(x + y) + erf(x - y)) / 2: near 0 an integral of exp(-t^2), elsewhere of terms that differ. */
function erf_pair(x, y) {
  const [size, far, sign] = [Math.abs(x), Math.abs(y), x < 0 ? -1 : 1];
  if (size < 1 && 4 * size * far < 1) {
    return sign * (2 * size / Math.sqrt(Math.PI)) * average(1, (t) => Math.exp(-((far + size * (2 * t - 1)) ** 2)));
  }
  if (size < far) return sign * (erfc(far - size) - erfc(far + size)) / 2;
  return sign * (erf(size + far) + erf(size - far)) / 2;
}

/** E clip(u, -1, 1) for u of this mean and variance >= 0: an average of erf, which is 1 far out. */
function clip_mean(mean, variance) {
  const [size, spread] = [Math.abs(mean), Math.max(Math.sqrt(2 * variance), 1e-300)];
  const [inner, low] = [Math.min(size, 1), Math.abs(1 - size)];
  const width = Math.max(2 * inner, 1e-300);
  const reach = within((FLAT * spread - low) / width, 0, 1);
  const near = reach > 0 ? average(3, (t) => erf((low + width * reach * t) / spread)) : 0;
  return Math.sign(mean) * inner * (reach * near + (1 - reach));
}

/** E sign(u) (1 - exp(-|u|)) for u of this mean and variance >= 0: an integral of its slope. */
function laplace_mean(mean, variance) {
  const [size, root] = [Math.abs(mean), Math.sqrt(variance / 2)];
  const end = size / Math.max(2 * root, 1e-300);
  if (end > FLAT) return Math.sign(mean) * (root < end ? -Math.expm1(variance / 2 - size) : 1);
  const below = (x) => x < root ? Math.exp(-x * x) * erfcx(root - x) : Math.exp(root * (root - 2 * x)) * erfc(root - x);
  return mean * average(3, (t) => (below(end * t) + below(-end * t)) / 2);
}
