// Clipped bivariate normals, which emitted C calls.

/** Beyond it the normal density, exp(-1250) there, rounds to 0. */
static const double mb_farthest = 50;

/** What a strip gives: the integrals of D(s) and of (r - s) D(s). */
typedef struct {
  double first, second;
} mb_strip;

/**
 * Integrals of D(s) and of (r - s) D(s) over s below r, D(s) = 2 n2(a, a; s) - 2 n2(a, -a; s), n2 the bivariate normal
 * density; x^2 = (1 - s) / (1 + s) runs from low, where s = r, to low + width = 1 - top. Plackett 1954; Owen 1956.
 * By a rule on (0, 1), logarithmic down to a / 100, by decades, then doubly exponential (Takahasi and Mori 1974).
 */
MB_INLINE mb_strip mb_strip_integrals(double a, double low, double width, double top) {
  mb_strip sum = {0, 0};
  const double sharpness = 100 / (a > 0 ? a : 1), step = 1 / 6.0;
  if (!(a >= 0) || sharpness == INFINITY) return (mb_strip){NAN, NAN};
  const double onset = -ceil(log10(sharpness > 10 ? sharpness : 10)) * log(10), near = a < mb_farthest ? a : mb_farthest;
  const double h = near * near / 2;
  for (int k = (int)floor((onset - 2.7) / step); k <= (int)ceil(2.7 / step); k++) {
    const double left = exp(1.5 * (onset - step * k)), right = exp(1.5 * step * k), at = step * k + (right - left) / 1.5;
    const double t = 1 / (1 + exp(-at)), rest = 1 / (1 + exp(at)), weight = step * t * rest * (1 + left + right);
    const double x = low + width * t, square = 1 + x * x;
    const double strip = expm1(-h * (top + width * rest) * (1 + x) * square / (x * x));
    const double density = -2 / mb_pi * width * weight / square * exp(-h * square) * strip;
    sum.first += density;
    sum.second += density * 2 * width * t * (x + low) / (square * (1 + low * low));
  }
  return sum;
}

/** mb_strip_integrals over 0 < s < |rho|. */
MB_INLINE mb_strip mb_corner_integrals(double a, double rho) {
  const double r = fabs(mb_correlation(rho)), low = sqrt((1 - r) / (1 + r));
  return mb_strip_integrals(a, low, 2 * r / ((1 + r) * (1 + low)), 0);
}

/** P(|x| < a) of a standard normal x, squared. */
MB_INLINE double mb_inside_squared(double a) {
  const double inside = erf(a * 0.70710678118654752440);
  return inside * inside;
}

/** P(|x| < a, |y| < a) for standard normal x, y of correlation rho; a >= 0 and |rho| <= 1. */
MB_INLINE double mb_box_probability(double a, double rho) {
  return mb_inside_squared(a) + mb_corner_integrals(a, rho).first;
}

/** mb_box_probability in terms of apart = 1 - rho^2 in [0, 1], to its last digits as that vanishes. */
MB_INLINE double mb_box_apart(double a, double apart) {
  const double r = sqrt(1 - apart), low = sqrt(apart) / (1 + r);
  return mb_inside_squared(a) + mb_strip_integrals(a, low, 2 * r / ((1 + r) * (1 + low)), 0).first;
}

/** E clip(x, -a, a) clip(y, -a, a) for standard normal x, y of correlation rho. */
MB_INLINE double mb_clip_covariance(double a, double rho) {
  return rho * mb_inside_squared(a) + copysign(mb_corner_integrals(a, rho).second, rho);
}

/** mb_clip_covariance at correlation 1 - rest less that at 1 - rest - drop, rest <= 1: a sum of positive terms. */
MB_INLINE double mb_clip_difference(double a, double rest, double drop) {
  const int crosses = rest + drop > 1;
  const double far = crosses ? 1 : rest + drop, part = crosses ? 1 - rest : drop;
  const double low = sqrt(rest / (2 - rest)), high = sqrt(far / (2 - far));
  const double width = part > 0 ? 2 * part / ((2 - rest) * (2 - far) * (low + high)) : 0;
  const double below = 2 * (1 - far) / ((2 - far) * (1 + high));
  const double inside = mb_inside_squared(a) + mb_strip_integrals(a, high, below, 0).first;
  const double beyond = crosses ? rest + drop - 1 : 0;
  return part * inside + mb_strip_integrals(a, low, width, below).second + mb_clip_covariance(a, beyond);
}
