// Means of odd functions of a Gaussian field, to their last digits near 0, which emitted C calls.

/** 1 - erf there, and exp(-x^2), are below 2^-53. */
static const double mb_flat = 6;

/** (erf(x + y) + erf(x - y)) / 2: near 0 an integral of exp(-t^2), elsewhere of terms that differ. */
MB_INLINE double mb_erf_pair(double x, double y) {
  const double size = fabs(x), far = fabs(y);
  double sum = 0;
  if (!(size < 1 && 4 * size * far < 1))
    return copysign(size < far ? erfc(far - size) - erfc(far + size) : erf(size + far) + erf(size - far), x) / 2;
  for (int k = 0; k < 16; k++) {
    const double t = far + size * mb_legendre[k][0];
    sum += mb_legendre[k][1] * exp(-t * t);
  }
  return x / sqrt(mb_pi) * sum;
}

/** E clip(u, -1, 1) for u of this mean and variance >= 0: an average of erf, which is 1 far out. */
MB_INLINE double mb_clip_mean(double mean, double variance) {
  const double size = fabs(mean), spread = mb_larger(sqrt(2 * variance), 1e-300), inner = mb_smaller(size, 1.0);
  const double low = fabs(1 - size), width = mb_larger(2 * inner, 1e-300);
  const double reach = mb_smaller(mb_larger((mb_flat * spread - low) / width, 0.0), 1.0);
  double near = 0;
  for (int k = 0; k < 48; k++) {
    const double t = (k / 16 + (mb_legendre[k % 16][0] + 1) / 2) / 3;
    near += mb_legendre[k % 16][1] / 6 * erf((low + width * reach * t) / spread);
  }
  return copysign(inner * (reach * near + (1 - reach)), mean);
}

/** exp(-x^2) erfcx(root - x): one side of E exp(-|u|). */
MB_INLINE double mb_laplace_side(double x, double root) {
  return x < root ? exp(-x * x) * mb_erfcx(root - x) : exp(root * (root - 2 * x)) * erfc(root - x);
}

/** E sign(u) (1 - exp(-|u|)) for u of this mean and variance >= 0: an integral of its slope. */
MB_INLINE double mb_laplace_mean(double mean, double variance) {
  const double size = fabs(mean), root = sqrt(variance / 2), end = size / mb_larger(2 * root, 1e-300);
  double sum = 0;
  if (end > mb_flat) return copysign(root < end ? -expm1(variance / 2 - size) : 1, mean);
  for (int k = 0; k < 48; k++) {
    const double x = end * (k / 16 + (mb_legendre[k % 16][0] + 1) / 2) / 3;
    sum += mb_legendre[k % 16][1] / 12 * (mb_laplace_side(x, root) + mb_laplace_side(-x, root));
  }
  return mean * sum;
}
