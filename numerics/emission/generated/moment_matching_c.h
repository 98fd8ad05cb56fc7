/* moment-matching: derived, not written. Hernandez-Lobato & Adams 2015, arXiv 1502.05336.
 * Weights binary; neurons relu; treatment marginalise; form exact.
 *
 * Needs a C99 compiler and its mathematics library. `moment_matching_MAP(...)` takes numbers. `moment_matching_MAP_array(n, arguments,
 * strides, out)` takes n points: of each argument, in the order of MAP, where its numbers are, and stride 1, or 0 for
 * one number that serves all points; `out` overlaps none. What is outside the domain gives NAN, and how many such
 * values there are is returned. Fast with
 *     cc -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off ... -lm
 */

#ifndef MEANBITS_MOMENT_MATCHING_H
#define MEANBITS_MOMENT_MATCHING_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#ifndef HAS_mb_prelude
#define HAS_mb_prelude
/** The variants of a loop for AVX-512, AVX2 and any processor, of which the program takes its own when it starts. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__) && !defined(MB_PLAIN)
#if __GLIBC_PREREQ(2, 35)
#define MB_VECTOR __attribute__((simd("notinbranch")))
#endif
#if !defined(MB_CLONES)
#define MB_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#endif
#if !defined(MB_CLONES)
#define MB_CLONES
#endif
#if defined(__GNUC__)
#define MB_KERNEL __attribute__((unused)) MB_CLONES static
#define MB_INLINE __attribute__((unused, always_inline)) static inline
#define MB_OUTER __attribute__((unused)) static
#else
#define MB_OUTER static
#define MB_KERNEL static
#define MB_INLINE static inline
#endif
#if !defined(MB_EXPORT)
#define MB_EXPORT MB_INLINE
#define MB_ARRAYS MB_OUTER
#else
#define MB_ARRAYS MB_EXPORT
#endif

/** The vector mathematics of glibc, on x86-64 since 2.35. */
#if defined(MB_VECTOR)
MB_VECTOR double asin(double);
MB_VECTOR double atan(double);
MB_VECTOR double atan2(double, double);
MB_VECTOR double cos(double);
MB_VECTOR double cosh(double);
MB_VECTOR double erf(double);
MB_VECTOR double erfc(double);
MB_VECTOR double exp(double);
MB_VECTOR double expm1(double);
MB_VECTOR double log(double);
MB_VECTOR double log1p(double);
MB_VECTOR double pow(double, double);
MB_VECTOR double sin(double);
MB_VECTOR double sinh(double);
MB_VECTOR double tanh(double);
#endif

/** Points at a time, which stay in cache, and the most numbers that a vector holds and that a map takes. */
enum { MB_BLOCK = 256, MB_LANES = 8, MB_MOST = 16 };

/** The values of a map at n points, a multiple of MB_LANES up to MB_BLOCK; each argument an array. */
typedef void mb_kernel(size_t n, const double *const *arguments, double *restrict out);

/** A map of so many arguments, and its limits where argument `at` is 0 or infinite (at = -1: it has none). */
typedef struct {
  int count, at;
  mb_kernel *value, *zero, *infinity;
} mb_map;

/** Replace the values of a block where an argument has one value by those of a limit. */
MB_INLINE void mb_replace(size_t n, const double *argument, double end, mb_kernel *limit, const double *const *arguments,
                          double *out) {
  double there[MB_BLOCK];
  size_t found = 0;
  for (size_t i = 0; i < n; i++) found += argument[i] == end;
  if (!found) return;
  limit(n, arguments, there);
  for (size_t i = 0; i < n; i++) out[i] = argument[i] == end ? there[i] : out[i];
}

/**
 * A map at n points, block by block; an argument of stride 0 is one number for all. A short block is filled up.
 * The number of values that are no numbers.
 */
MB_OUTER MB_CLONES size_t mb_run(const mb_map *map, size_t n, const double *const *given, const size_t *strides, double *out) {
  double held[MB_MOST][MB_BLOCK], value[MB_BLOCK];
  size_t lost = 0;
  const double *block[MB_MOST];
  for (size_t start = 0; start < n; start += MB_BLOCK) {
    const size_t here = n - start < MB_BLOCK ? n - start : MB_BLOCK, filled = (here + MB_LANES - 1) / MB_LANES * MB_LANES;
    for (int k = 0; k < map->count; k++) {
      const double *from = given[k] + start * strides[k];
      if (strides[k] && filled == here) {
        block[k] = from;
        continue;
      }
      block[k] = held[k];
      if (start && !strides[k]) continue;
      for (size_t i = 0; i < filled; i++) held[k][i] = from[(i < here ? i : here - 1) * strides[k]];
    }
    double *to = filled == here ? out + start : value;
    map->value(filled, block, to);
    if (map->at >= 0) {
      mb_replace(filled, block[map->at], 0, map->zero, block, to);
      mb_replace(filled, block[map->at], INFINITY, map->infinity, block, to);
    }
    for (size_t i = 0; i < here; i++) lost += to[i] != to[i];
    if (to == value) memcpy(out + start, value, here * sizeof(double));
  }
  return lost;
}
#endif

#ifndef HAS_mb_portion
#define HAS_mb_portion
/**
 * part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite; no number
 * where only the sum is.
 */
MB_INLINE double mb_portion(double part, double rest) {
  const double whole = part + rest, share = part / whole;
  if (rest == 0 || part == INFINITY) return 1;
  return whole == INFINITY && rest != INFINITY ? NAN : share;
}
#endif

#ifndef HAS_mb_pi
#define HAS_mb_pi
/** Half the circumference of a circle of radius 1. */
static const double mb_pi = 3.14159265358979323846;
#endif

#ifndef HAS_mb_arc_cosine_kernel
#define HAS_mb_arc_cosine_kernel
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
#endif

#ifndef HAS_mb_arc_cosine_difference
#define HAS_mb_arc_cosine_difference
/** The kernel E relu(x) relu(y) at correlation 1 - rest less that at 1 - rest - drop. */
MB_INLINE double mb_arc_cosine_difference(double rest, double drop) {
  const double outer = rest + drop;
  const double half = atan2(drop, sqrt(rest * (2 - rest)) + sqrt(outer * (2 - outer)));
  const double mid = 2 * asin(sqrt(rest / 2)) + half, sine = sin(half / 2);
  const double between = (mb_pi - mid) * sin(mid) * sin(half) / mb_pi;
  return between - 2 * cos(mid) * mb_arc_cosine_kernel(2 * sine * sine);
}
#endif

MB_KERNEL void moment_matching_mean_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double hbar = arguments[0][i];
    const double Sigma = arguments[1][i];
    const double x0 = hbar / 2.0;
    const double x1 = 1.4142135623730951;
    const double x2 = sqrt(Sigma);
    out[i] = x0 + x0 * erf(x0 * x1 / x2) + 0.28209479177387814 * x1 * x2 * exp(-hbar * hbar / (2.0 * Sigma));
  }
}

/** moment_matching_mean at n points; how many of the values are no numbers. */
MB_ARRAYS size_t moment_matching_mean_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {2, -1, moment_matching_mean_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Mean of a neuron, E x.
 *
 * hbar: mean of the field, any real.
 * Sigma: variance of the field, >= 0.
 */
MB_EXPORT double moment_matching_mean(double hbar, double Sigma) {
  const double *const arguments[] = {&hbar, &Sigma};
  const size_t strides[2] = {0};
  double value;
  moment_matching_mean_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void moment_matching_second_moment_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double hbar = arguments[0][i];
    const double Sigma = arguments[1][i];
    const double x0 = Sigma / 2.0;
    const double x1 = hbar * hbar / 2.0;
    const double x2 = 1.4142135623730951;
    const double x3 = sqrt(Sigma);
    const double x4 = hbar / 2.0;
    const double x5 = erf(x2 * x4 / x3);
    out[i] = x0 + x1 + x0 * x5 + x4 * (hbar * x5 + 0.5641895835477563 * x2 * x3 * exp(-x1 / Sigma));
  }
}

/** moment_matching_second_moment at n points; how many of the values are no numbers. */
MB_ARRAYS size_t moment_matching_second_moment_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {2, -1, moment_matching_second_moment_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Second moment, E x^2.
 *
 * hbar: mean of the field, any real.
 * Sigma: variance of the field, >= 0.
 */
MB_EXPORT double moment_matching_second_moment(double hbar, double Sigma) {
  const double *const arguments[] = {&hbar, &Sigma};
  const size_t strides[2] = {0};
  double value;
  moment_matching_second_moment_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void moment_matching_total_map_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double T = arguments[0][i];
    const double sigma_b2 = arguments[2][i];
    out[i] = sigma_b2 + T / 2.0;
  }
}

/** moment_matching_total_map at n points; how many of the values are no numbers. */
MB_ARRAYS size_t moment_matching_total_map_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {3, -1, moment_matching_total_map_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Total field variance of the next layer, T'.
 *
 * T: total field variance, > 0.
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double moment_matching_total_map(double T, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&T, &sigma_m2, &sigma_b2};
  const size_t strides[3] = {0};
  double value;
  moment_matching_total_map_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void moment_matching_total_slope_value(size_t n, const double *const *arguments, double *restrict out) {
  (void)arguments;
  for (size_t i = 0; i < n; i++) {
    out[i] = 0.5;
  }
}

/** moment_matching_total_slope at n points; how many of the values are no numbers. */
MB_ARRAYS size_t moment_matching_total_slope_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {3, -1, moment_matching_total_slope_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Slope of it, dT'/dT.
 *
 * T: total field variance, > 0.
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double moment_matching_total_slope(double T, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&T, &sigma_m2, &sigma_b2};
  const size_t strides[3] = {0};
  double value;
  moment_matching_total_slope_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void moment_matching_variance_map_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[0][i];
    const double sigma_m2 = arguments[1][i];
    const double sigma_b2 = arguments[2][i];
    const double T = arguments[3][i];
    const double x0 = 1 / (1.0 + q);
    const double x1 = T * mb_arc_cosine_kernel(x0 * (1.0 + 2.0 * q));
    out[i] = (sigma_b2 + sigma_m2 * x1) * 1 / (x1 * ((1.0 - sigma_m2)) + T * mb_arc_cosine_difference(0.0, x0));
  }
}

MB_KERNEL void moment_matching_variance_map_zero(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double sigma_m2 = arguments[1][i];
    const double sigma_b2 = arguments[2][i];
    const double T = arguments[3][i];
    const double x0 = T / 2.0;
    const double x1 = 0.3183098861837907 * x0;
    out[i] = (sigma_b2 + sigma_m2 * x1) * 1 / (x0 - x1 + x1 * ((1.0 - sigma_m2)));
  }
}

MB_KERNEL void moment_matching_variance_map_infinity(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double sigma_m2 = arguments[1][i];
    const double sigma_b2 = arguments[2][i];
    const double T = arguments[3][i];
    out[i] = 2.0 * (sigma_b2 + T * sigma_m2 / 2.0) * 1 / ((1.0 - sigma_m2)) / T;
  }
}

/** moment_matching_variance_map at n points; how many of the values are no numbers. */
MB_ARRAYS size_t moment_matching_variance_map_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, 0, moment_matching_variance_map_value, moment_matching_variance_map_zero, moment_matching_variance_map_infinity};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Variance map, q'.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
MB_EXPORT double moment_matching_variance_map(double q, double sigma_m2, double sigma_b2, double T) {
  const double *const arguments[] = {&q, &sigma_m2, &sigma_b2, &T};
  const size_t strides[4] = {0};
  double value;
  moment_matching_variance_map_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void moment_matching_variance_slope_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[0][i];
    const double sigma_m2 = arguments[1][i];
    const double sigma_b2 = arguments[2][i];
    const double T = arguments[3][i];
    const double x0 = 1 / (1.0 + q);
    const double x1 = 1.0 + 2.0 * q;
    const double x2 = T * mb_arc_cosine_kernel(x0 * x1);
    const double x3 = 1 / (x2 * ((1.0 - sigma_m2)) + T * mb_arc_cosine_difference(0.0, x0));
    out[i] = sigma_m2 * ((0.3183098861837907 * T * x0 * x3 * atan(sqrt(x1)))) * ((x0 * (1.0 + x3 * (sigma_b2 + sigma_m2 * x2))));
  }
}

MB_KERNEL void moment_matching_variance_slope_zero(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double sigma_m2 = arguments[1][i];
    const double sigma_b2 = arguments[2][i];
    const double T = arguments[3][i];
    const double x0 = T / 2.0;
    const double x1 = 0.3183098861837907 * x0;
    const double x2 = 1 / (x0 - x1 + x1 * ((1.0 - sigma_m2)));
    out[i] = sigma_m2 * ((T * x2 / 4.0)) * ((1.0 + x2 * (sigma_b2 + sigma_m2 * x1)));
  }
}

MB_KERNEL void moment_matching_variance_slope_infinity(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double sigma_m2 = arguments[1][i];
    const double sigma_b2 = arguments[2][i];
    const double T = arguments[3][i];
    out[i] = 2.0 * (sigma_b2 + T * sigma_m2 / 2.0) * mb_portion(0.0, 1.0 - sigma_m2) / T;
  }
}

/** moment_matching_variance_slope at n points; how many of the values are no numbers. */
MB_ARRAYS size_t moment_matching_variance_slope_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, 0, moment_matching_variance_slope_value, moment_matching_variance_slope_zero, moment_matching_variance_slope_infinity};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Slope of it, dq'/dq.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
MB_EXPORT double moment_matching_variance_slope(double q, double sigma_m2, double sigma_b2, double T) {
  const double *const arguments[] = {&q, &sigma_m2, &sigma_b2, &T};
  const size_t strides[4] = {0};
  double value;
  moment_matching_variance_slope_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void moment_matching_correlation_map_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double c = arguments[0][i];
    const double q = arguments[1][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double T = arguments[4][i];
    const double x0 = 1 / (1.0 + q);
    const double x1 = T * sigma_m2;
    out[i] = (sigma_b2 + x1 * mb_arc_cosine_kernel(x0 * (1.0 + q * (1.0 + c)))) / (sigma_b2 + x1 * mb_arc_cosine_kernel(x0 * (1.0 + 2.0 * q)));
  }
}

/** moment_matching_correlation_map at n points; how many of the values are no numbers. */
MB_ARRAYS size_t moment_matching_correlation_map_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {5, -1, moment_matching_correlation_map_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Correlation map, c'.
 *
 * c: correlation of two inputs, in [-1, 1].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
MB_EXPORT double moment_matching_correlation_map(double c, double q, double sigma_m2, double sigma_b2, double T) {
  const double *const arguments[] = {&c, &q, &sigma_m2, &sigma_b2, &T};
  const size_t strides[5] = {0};
  double value;
  moment_matching_correlation_map_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void moment_matching_chi_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double c = arguments[0][i];
    const double q = arguments[1][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double T = arguments[4][i];
    const double x0 = 1.0 + q;
    const double x1 = 1 / x0;
    const double x2 = T * sigma_m2;
    const double x3 = 1 / sqrt(x0);
    out[i] = 0.3183098861837907 * q * x1 * x2 * atan2(x3 * sqrt(1.0 + q * (1.0 + c)), x3 * sqrt(1.0 + q * (1.0 - c))) / (sigma_b2 + x2 * mb_arc_cosine_kernel(x1 * (1.0 + 2.0 * q)));
  }
}

/** moment_matching_chi at n points; how many of the values are no numbers. */
MB_ARRAYS size_t moment_matching_chi_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {5, -1, moment_matching_chi_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Slope of the correlation map, chi = dc'/dc.
 *
 * c: correlation of two inputs, in [-1, 1].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
MB_EXPORT double moment_matching_chi(double c, double q, double sigma_m2, double sigma_b2, double T) {
  const double *const arguments[] = {&c, &q, &sigma_m2, &sigma_b2, &T};
  const size_t strides[5] = {0};
  double value;
  moment_matching_chi_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void moment_matching_gap_map_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double gap = arguments[0][i];
    const double q = arguments[1][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double T = arguments[4][i];
    const double x0 = 1 / (1.0 + q);
    const double x1 = mb_arc_cosine_kernel(x0 * (1.0 + 2.0 * q));
    out[i] = mb_portion(T * sigma_m2 * x1, sigma_b2) * ((mb_arc_cosine_difference(x0, gap * q * x0) / x1));
  }
}

MB_KERNEL void moment_matching_gap_map_zero(size_t n, const double *const *arguments, double *restrict out) {
  (void)arguments;
  for (size_t i = 0; i < n; i++) {
    out[i] = 0.0;
  }
}

MB_KERNEL void moment_matching_gap_map_infinity(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double gap = arguments[0][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double T = arguments[4][i];
    out[i] = 2.0 * mb_arc_cosine_difference(0.0, gap) * mb_portion(T * sigma_m2 / 2.0, sigma_b2);
  }
}

/** moment_matching_gap_map at n points; how many of the values are no numbers. */
MB_ARRAYS size_t moment_matching_gap_map_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {5, 1, moment_matching_gap_map_value, moment_matching_gap_map_zero, moment_matching_gap_map_infinity};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Correlation map in the gap, 1 - c', exact to rounding as gap -> 0; q may be 0 or infinite.
 *
 * gap: 1 - c, in [0, 2].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
MB_EXPORT double moment_matching_gap_map(double gap, double q, double sigma_m2, double sigma_b2, double T) {
  const double *const arguments[] = {&gap, &q, &sigma_m2, &sigma_b2, &T};
  const size_t strides[5] = {0};
  double value;
  moment_matching_gap_map_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void moment_matching_chi_at_gap_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double gap = arguments[0][i];
    const double q = arguments[1][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double T = arguments[4][i];
    const double x0 = 1.0 + q;
    const double x1 = 1 / x0;
    const double x2 = mb_arc_cosine_kernel(x1 * (1.0 + 2.0 * q));
    const double x3 = 1 / sqrt(x0);
    out[i] = mb_portion(T * sigma_m2 * x2, sigma_b2) * ((0.3183098861837907 * atan2(x3 * sqrt(1.0 + q * (2.0 - gap)), x3 * sqrt(1.0 + gap * q)) * ((q * x1)) / x2));
  }
}

MB_KERNEL void moment_matching_chi_at_gap_zero(size_t n, const double *const *arguments, double *restrict out) {
  (void)arguments;
  for (size_t i = 0; i < n; i++) {
    out[i] = 0.0;
  }
}

MB_KERNEL void moment_matching_chi_at_gap_infinity(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double gap = arguments[0][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double T = arguments[4][i];
    out[i] = 0.6366197723675814 * mb_portion(T * sigma_m2 / 2.0, sigma_b2) * atan2(sqrt(2.0 - gap), sqrt(gap));
  }
}

/** moment_matching_chi_at_gap at n points; how many of the values are no numbers. */
MB_ARRAYS size_t moment_matching_chi_at_gap_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {5, 1, moment_matching_chi_at_gap_value, moment_matching_chi_at_gap_zero, moment_matching_chi_at_gap_infinity};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Slope of the correlation map, chi = dc'/dc, in terms of the gap.
 *
 * gap: 1 - c, in [0, 2].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
MB_EXPORT double moment_matching_chi_at_gap(double gap, double q, double sigma_m2, double sigma_b2, double T) {
  const double *const arguments[] = {&gap, &q, &sigma_m2, &sigma_b2, &T};
  const size_t strides[5] = {0};
  double value;
  moment_matching_chi_at_gap_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void moment_matching_replica_map_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double r = arguments[0][i];
    const double T = arguments[1][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    out[i] = (sigma_b2 + T * sigma_m2 * mb_arc_cosine_kernel(1.0 + r)) / (sigma_b2 + T / 2.0);
  }
}

/** moment_matching_replica_map at n points; how many of the values are no numbers. */
MB_ARRAYS size_t moment_matching_replica_map_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, -1, moment_matching_replica_map_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Replica map, g(r).
 *
 * r: replica overlap, in [-1, 1].
 * T: total field variance, > 0.
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double moment_matching_replica_map(double r, double T, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&r, &T, &sigma_m2, &sigma_b2};
  const size_t strides[4] = {0};
  double value;
  moment_matching_replica_map_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void moment_matching_jacobian_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[0][i];
    const double sigma_m2 = arguments[1][i];
    out[i] = 0.3183098861837907 * sigma_m2 * atan(sqrt(1.0 + 2.0 * q));
  }
}

/** moment_matching_jacobian at n points; how many of the values are no numbers. */
MB_ARRAYS size_t moment_matching_jacobian_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, -1, moment_matching_jacobian_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Mean squared singular value of the layer Jacobian.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
MB_EXPORT double moment_matching_jacobian(double q, double sigma_m2, double sigma_b2, double T) {
  const double *const arguments[] = {&q, &sigma_m2, &sigma_b2, &T};
  const size_t strides[4] = {0};
  double value;
  moment_matching_jacobian_array(1, arguments, strides, &value);
  return value;
}

#endif
