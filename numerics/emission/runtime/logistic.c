// Gaussian expectations of tanh, which emitted C calls, a block of points at a time: sums over the scale mixture of erfs
// that tanh is. Andrews and Mallows 1974, J. R. Statist. Soc. B 36, 99. `mb_pairs` and `mb_rule` are written beside them.

/** What all sums over pairs know of a block of points, the variance V: min(V, 1), 1 / max(V, 1). */
typedef struct {
  double low[MB_BLOCK], high[MB_BLOCK];
} mb_variances;

/** Those of a block; no numbers where V is negative. */
MB_INLINE void mb_split(size_t n, const double *variance, mb_variances *v) {
  for (size_t i = 0; i < n; i++) {
    v->low[i] = variance[i] >= 0 ? mb_smaller(variance[i], 1.0) : NAN;
    v->high[i] = 1 / mb_smaller(mb_larger(variance[i], 1.0), DBL_MAX);
  }
}

/** Of a pair and a point: (V + a)(V + b) - V^2 over max(V, 1)^2. */
MB_INLINE double mb_spread(const double *pair, double low, double high) {
  return low * high * pair[0] + high * high * pair[1];
}

/** E tanh(u) tanh(v), u and v of mean 0, one variance in [0, inf] and that correlation, by the arcsine law. */
MB_KERNEL void mb_tanh_overlap(size_t n, const double *variance, const double *rho, double *restrict out) {
  mb_variances v;
  double r[MB_BLOCK], inner[MB_BLOCK];
  mb_split(n, variance, &v);
  for (size_t i = 0; i < n; i++) {
    r[i] = mb_correlation(rho[i]);
    inner[i] = v.low[i] * v.low[i] * (1 - r[i]) * (1 + r[i]);
    r[i] *= v.low[i];
    out[i] = 0;
  }
  for (size_t k = 0; k < sizeof mb_pairs / sizeof *mb_pairs; k++)
    for (size_t i = 0; i < n; i++)
      out[i] += mb_pairs[k][2] * atan(r[i] / sqrt(inner[i] + mb_spread(mb_pairs[k], v.low[i], v.high[i])));
}

/** mb_tanh_overlap at correlation 1 - rest less that at 1 - rest - drop >= -1, to its last digits as both vanish. */
MB_KERNEL void mb_tanh_difference(size_t n, const double *variance, const double *rest, const double *drop,
                                  double *restrict out) {
  mb_variances v;
  double fall[MB_BLOCK], first[MB_BLOCK], second[MB_BLOCK];
  mb_split(n, variance, &v);
  for (size_t i = 0; i < n; i++) {
    const double near = mb_distance(rest[i], 2), far = mb_distance(drop[i], 2), square = v.low[i] * v.low[i];
    const double beyond = mb_larger(2 - mb_larger(near, far) - mb_smaller(near, far), 0.0);
    fall[i] = far * v.low[i];
    first[i] = square * near * (2 - near);
    second[i] = square * (near + far) * beyond;
    out[i] = 0;
  }
  for (size_t k = 0; k < sizeof mb_pairs / sizeof *mb_pairs; k++)
    for (size_t i = 0; i < n; i++) {
      const double spread = mb_spread(mb_pairs[k], v.low[i], v.high[i]);
      out[i] += 2 * mb_pairs[k][2] * atan(fall[i] / (sqrt(first[i] + spread) + sqrt(second[i] + spread)));
    }
}

/** E tanh'(u) tanh'(v), u and v of mean 0, one variance in [0, inf] and correlation r, apart = 1 - r^2. */
MB_KERNEL void mb_tanh_slope_overlap(size_t n, const double *variance, const double *apart, double *restrict out) {
  mb_variances v;
  double inner[MB_BLOCK];
  mb_split(n, variance, &v);
  for (size_t i = 0; i < n; i++) {
    inner[i] = v.low[i] * v.low[i] * mb_distance(apart[i], 1);
    out[i] = 0;
  }
  for (size_t k = 0; k < sizeof mb_pairs / sizeof *mb_pairs; k++)
    for (size_t i = 0; i < n; i++)
      out[i] += mb_pairs[k][2] / sqrt(inner[i] + mb_spread(mb_pairs[k], v.low[i], v.high[i]));
  for (size_t i = 0; i < n; i++) out[i] /= mb_larger(variance[i], 1.0);
}

/** E tanh''(u) tanh''(v) / r, the arguments as in mb_tanh_slope_overlap. */
MB_KERNEL void mb_tanh_curvature_overlap(size_t n, const double *variance, const double *apart, double *restrict out) {
  mb_variances v;
  double inner[MB_BLOCK];
  mb_split(n, variance, &v);
  for (size_t i = 0; i < n; i++) {
    inner[i] = v.low[i] * v.low[i] * mb_distance(apart[i], 1);
    out[i] = 0;
  }
  for (size_t k = 0; k < sizeof mb_pairs / sizeof *mb_pairs; k++)
    for (size_t i = 0; i < n; i++) {
      const double determinant = inner[i] + mb_spread(mb_pairs[k], v.low[i], v.high[i]);
      out[i] += mb_pairs[k][2] * (v.low[i] * v.high[i] / determinant / sqrt(determinant));
    }
  for (size_t i = 0; i < n; i++) out[i] /= mb_larger(variance[i], 1.0);
}

/** The derivative of mb_tanh_overlap in the variance, at fixed correlation. */
MB_KERNEL void mb_tanh_overlap_growth(size_t n, const double *variance, const double *rho, double *restrict out) {
  mb_variances v;
  double r[MB_BLOCK];
  mb_split(n, variance, &v);
  for (size_t i = 0; i < n; i++) {
    r[i] = mb_correlation(rho[i]);
    out[i] = 0;
  }
  for (size_t k = 0; k < sizeof mb_pairs / sizeof *mb_pairs; k++)
    for (size_t i = 0; i < n; i++) {
      const double low = v.low[i], spread = mb_spread(mb_pairs[k], low, v.high[i]);
      const double root = sqrt(low * low * (1 - r[i]) * (1 + r[i]) + spread);
      out[i] += mb_pairs[k][2] * (r[i] * (spread - low * v.high[i] / 2 * mb_pairs[k][0]) / (low * low + spread) / root);
    }
  for (size_t i = 0; i < n; i++) out[i] /= mb_larger(variance[i], 1.0);
}

/** The derivative of mb_tanh_slope_overlap in the variance, at fixed correlation. */
MB_KERNEL void mb_tanh_slope_growth(size_t n, const double *variance, const double *apart, double *restrict out) {
  mb_variances v;
  double square[MB_BLOCK];
  mb_split(n, variance, &v);
  for (size_t i = 0; i < n; i++) {
    square[i] = mb_distance(apart[i], 1);
    out[i] = 0;
  }
  for (size_t k = 0; k < sizeof mb_pairs / sizeof *mb_pairs; k++)
    for (size_t i = 0; i < n; i++) {
      const double low = v.low[i], high = v.high[i];
      const double determinant = low * low * square[i] + mb_spread(mb_pairs[k], low, high);
      out[i] -= mb_pairs[k][2] * ((low * square[i] + high / 2 * mb_pairs[k][0]) * high / determinant / sqrt(determinant));
    }
  for (size_t i = 0; i < n; i++) out[i] /= mb_larger(variance[i], 1.0);
}

/** The Hermite polynomial He_n(x). */
MB_INLINE double mb_hermite(int n, double x) {
  double before = 0, value = 1;
  for (int k = 0; k < n; k++) {
    const double next = x * value - k * before;
    before = value;
    value = next;
  }
  return value;
}

/** E tanh(u), u ~ N(mean, variance), or its derivative in the mean of one order for the whole block. */
MB_KERNEL void mb_tanh_mean(size_t n, const double *mean, const double *variance, const double *order,
                            double *restrict out) {
  const int derivative = (int)order[0];
  double square[MB_BLOCK];
  for (size_t i = 0; i < n; i++) {
    square[i] = variance[i] >= 0 ? variance[i] : NAN;
    out[i] = 0;
  }
  for (size_t k = 0; k < sizeof mb_rule / sizeof *mb_rule; k++)
    for (size_t i = 0; i < n; i++) {
      const double width = sqrt(square[i] + mb_rule[k][0]);
      const double x = mb_smaller(mb_larger(mean[i] / width, -50.0), 50.0);
      if (derivative == 0) {
        out[i] += mb_rule[k][1] * erf(x * 0.70710678118654752440);
      } else {
        double power = 1;
        for (int j = 0; j < derivative; j++) power *= -width;
        out[i] -= mb_rule[k][1] * sqrt(2 / mb_pi) * mb_hermite(derivative - 1, x) * exp(-x * x / 2) / power;
      }
    }
}
