// Functions of numbers that emitted C calls; `emit` copies those that a header uses.

/** The larger number; no number where one is none. */
MB_INLINE double mb_larger(double a, double b) { return a > b || a != a ? a : b; }

/** The smaller number; no number where one is none. */
MB_INLINE double mb_smaller(double a, double b) { return a < b || a != a ? a : b; }

/** -1, 0 or 1, of the sign of x. */
MB_INLINE double mb_sign(double x) { return x != x ? x : (double)((x > 0) - (x < 0)); }

/** Infinite where x is 0, and 0 elsewhere. */
MB_INLINE double mb_spike(double x) { return x == 0 ? INFINITY : 0.0; }

/** u clipped to [-1, 1]. */
MB_INLINE double mb_hard_tanh(double u) { return mb_smaller(mb_larger(u, -1.0), 1.0); }

/** 1 where |u| < 1, else 0. */
MB_INLINE double mb_box(double u) { return fabs(u) < 1 ? 1.0 : 0.0; }

/** 1 - tanh(u)^2, to the last digit far out. */
MB_INLINE double mb_sech_squared(double u) {
  const double decay = exp(-2 * fabs(u));
  return 4 * decay / ((1 + decay) * (1 + decay));
}

/** log(1 + exp(u)). */
MB_INLINE double mb_softplus(double u) { return mb_larger(u, 0.0) + log1p(exp(-fabs(u))); }

/** part / whole, limit where whole is 0. */
MB_INLINE double mb_quotient(double part, double whole, double limit) { return whole == 0 ? limit : part / whole; }

/**
 * part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite; no number
 * where only the sum is.
 */
MB_INLINE double mb_portion(double part, double rest) {
  const double whole = part + rest, share = part / whole;
  if (rest == 0 || part == INFINITY) return 1;
  return whole == INFINITY && rest != INFINITY ? NAN : share;
}

/** share * value, 0 where share is 0, even if value is infinite. */
MB_INLINE double mb_scaled(double share, double value) { return share == 0 ? 0.0 : share * value; }

/** exp(-a) sinh(b), |b| <= a. */
MB_INLINE double mb_damped_sinh(double a, double b) {
  const double size = fabs(b);
  return mb_sign(b) * exp(size - a) * -expm1(-2 * size) / 2;
}

/** Half the circumference of a circle of radius 1. */
static const double mb_pi = 3.14159265358979323846;

/** (sin t - t cos t) / (2 pi), cos t = 1 - delta, delta in [0, 2]; by its series where the difference cancels. */
MB_INLINE double mb_arc_cosine_kernel(double delta) {
  const double t = 2 * asin(sqrt(delta / 2));
  double series = 0, term = t * t * t;
  for (int k = 0; k < 10; k++) {
    series += term / (2 * k + 3);
    term *= -t * t / ((2 * k + 2) * (2 * k + 3));
  }
  const double far = sin(t) - t * cos(t);
  return (t < 1 ? series : far) / (2 * mb_pi);
}

/** The kernel E relu(x) relu(y) at correlation 1 - rest less that at 1 - rest - drop. */
MB_INLINE double mb_arc_cosine_difference(double rest, double drop) {
  const double outer = rest + drop;
  const double half = atan2(drop, sqrt(rest * (2 - rest)) + sqrt(outer * (2 - outer)));
  const double mid = 2 * asin(sqrt(rest / 2)) + half, sine = sin(half / 2);
  const double between = (mb_pi - mid) * sin(mid) * sin(half) / mb_pi;
  return between - 2 * cos(mid) * mb_arc_cosine_kernel(2 * sine * sine);
}

/** exp(x^2) erfc(x), x >= 0: the continued fraction of Laplace (Abramowitz and Stegun 1964, 7.1.14), by Lentz. */
MB_INLINE double mb_erfcx(double x) {
  if (x == INFINITY) return 0;
  if (!(x > 1.5)) return exp(x * x) * erfc(x);
  double c = x, value = x, d = 0;
  for (int n = 1; n < 500; n++) {
    d = 1 / (x + n / 2.0 * d);
    c = x + n / 2.0 / c;
    value *= c * d;
    if (fabs(c * d - 1) < DBL_EPSILON / 2) break;
  }
  return 1 / (value * sqrt(mb_pi));
}

/** exp(a) erfc(b), finite wherever the product is; for b > 0 exp(a - b^2) erfcx(b), a difference of a few ulp being 0. */
MB_INLINE double mb_exp_erfc(double a, double b) {
  if (!(b > 0)) return exp(a / 2) * erfc(b) * exp(a / 2);
  const double square = b * b, rest = fabs(a - square) < 8 * DBL_EPSILON * square ? 0 : a - square;
  return exp(rest / 2) * mb_erfcx(b) * exp(rest / 2);
}

/** rho, where a magnitude of 1 plus at most 1e-15, a ratio's rounding, counts as 1; beyond it is no number. */
MB_INLINE double mb_correlation(double rho) {
  return fabs(rho) <= 1 + 1e-15 ? mb_smaller(mb_larger(rho, -1.0), 1.0) : NAN;
}

/** value in [0, largest], where 2e-15 beyond an end is rounding and counts as the end; further out it is no number. */
MB_INLINE double mb_distance(double value, double largest) {
  return fabs(value - largest / 2) <= largest / 2 + 2e-15 ? mb_smaller(mb_larger(value, 0.0), largest) : NAN;
}
