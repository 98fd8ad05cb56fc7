/* soudry: derived, not written. Soudry, Hubara, Meir 2014, NeurIPS 27.
 * Weights binary; neurons sign; treatment marginalise; form exact.
 *
 * Needs a C99 compiler and its mathematics library. `soudry_MAP(...)` takes numbers. `soudry_MAP_array(n, arguments,
 * strides, out)` takes n points: of each argument, in the order of MAP, where its numbers are, and stride 1, or 0 for
 * one number that serves all points; `out` overlaps none. What is outside the domain gives NAN, and how many such
 * values there are is returned. Fast with
 *     cc -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off ... -lm
 */

#ifndef MEANBITS_SOUDRY_H
#define MEANBITS_SOUDRY_H

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

#ifndef HAS_mb_scaled
#define HAS_mb_scaled
/** share * value, 0 where share is 0, even if value is infinite. */
MB_INLINE double mb_scaled(double share, double value) { return share == 0 ? 0.0 : share * value; }
#endif

MB_KERNEL void soudry_mean_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double hbar = arguments[0][i];
    const double Sigma = arguments[1][i];
    out[i] = erf(0.7071067811865476 * hbar / sqrt(Sigma));
  }
}

/** soudry_mean at n points; how many of the values are no numbers. */
MB_ARRAYS size_t soudry_mean_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {2, -1, soudry_mean_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Mean of a neuron, E x.
 *
 * hbar: mean of the field, any real.
 * Sigma: variance of the field, >= 0.
 */
MB_EXPORT double soudry_mean(double hbar, double Sigma) {
  const double *const arguments[] = {&hbar, &Sigma};
  const size_t strides[2] = {0};
  double value;
  soudry_mean_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void soudry_second_moment_value(size_t n, const double *const *arguments, double *restrict out) {
  (void)arguments;
  for (size_t i = 0; i < n; i++) {
    out[i] = 1.0;
  }
}

/** soudry_second_moment at n points; how many of the values are no numbers. */
MB_ARRAYS size_t soudry_second_moment_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {2, -1, soudry_second_moment_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Second moment, E x^2.
 *
 * hbar: mean of the field, any real.
 * Sigma: variance of the field, >= 0.
 */
MB_EXPORT double soudry_second_moment(double hbar, double Sigma) {
  const double *const arguments[] = {&hbar, &Sigma};
  const size_t strides[2] = {0};
  double value;
  soudry_second_moment_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void soudry_total_map_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double sigma_b2 = arguments[2][i];
    out[i] = 1.0 + sigma_b2;
  }
}

/** soudry_total_map at n points; how many of the values are no numbers. */
MB_ARRAYS size_t soudry_total_map_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {3, -1, soudry_total_map_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Total field variance of the next layer, T'.
 *
 * T: total field variance, > 0.
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double soudry_total_map(double T, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&T, &sigma_m2, &sigma_b2};
  const size_t strides[3] = {0};
  double value;
  soudry_total_map_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void soudry_total_slope_value(size_t n, const double *const *arguments, double *restrict out) {
  (void)arguments;
  for (size_t i = 0; i < n; i++) {
    out[i] = 0.0;
  }
}

/** soudry_total_slope at n points; how many of the values are no numbers. */
MB_ARRAYS size_t soudry_total_slope_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {3, -1, soudry_total_slope_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Slope of it, dT'/dT.
 *
 * T: total field variance, > 0.
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double soudry_total_slope(double T, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&T, &sigma_m2, &sigma_b2};
  const size_t strides[3] = {0};
  double value;
  soudry_total_slope_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void soudry_variance_map_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[0][i];
    const double sigma_m2 = arguments[1][i];
    const double sigma_b2 = arguments[2][i];
    const double x0 = 1 / sqrt(1.0 + 2.0 * q);
    const double x1 = 0.3183098861837907 * sigma_m2;
    out[i] = (sigma_b2 + 2.0 * x1 * atan(q * x0)) * 1 / (4.0 * x1 * atan(x0) + ((1.0 - sigma_m2)));
  }
}

MB_KERNEL void soudry_variance_map_zero(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double sigma_m2 = arguments[1][i];
    const double sigma_b2 = arguments[2][i];
    out[i] = sigma_b2 * 1 / (sigma_m2 + ((1.0 - sigma_m2)));
  }
}

MB_KERNEL void soudry_variance_map_infinity(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double sigma_m2 = arguments[1][i];
    const double sigma_b2 = arguments[2][i];
    out[i] = (sigma_b2 + sigma_m2) * 1 / ((1.0 - sigma_m2));
  }
}

/** soudry_variance_map at n points; how many of the values are no numbers. */
MB_ARRAYS size_t soudry_variance_map_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {3, 0, soudry_variance_map_value, soudry_variance_map_zero, soudry_variance_map_infinity};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Variance map, q'.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double soudry_variance_map(double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&q, &sigma_m2, &sigma_b2};
  const size_t strides[3] = {0};
  double value;
  soudry_variance_map_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void soudry_variance_slope_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[0][i];
    const double sigma_m2 = arguments[1][i];
    const double sigma_b2 = arguments[2][i];
    const double x0 = 1 / sqrt(1.0 + 2.0 * q);
    const double x1 = 0.3183098861837907;
    const double x2 = 2.0 * x1;
    const double x3 = 1 / (4.0 * sigma_m2 * x1 * atan(x0) + ((1.0 - sigma_m2)));
    out[i] = sigma_m2 * ((x0 * x2 * x3)) * (((1.0 + x3 * (sigma_b2 + sigma_m2 * x2 * atan(q * x0))) / (1.0 + q)));
  }
}

MB_KERNEL void soudry_variance_slope_zero(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double sigma_m2 = arguments[1][i];
    const double sigma_b2 = arguments[2][i];
    const double x0 = 1 / (sigma_m2 + ((1.0 - sigma_m2)));
    out[i] = sigma_m2 * ((0.6366197723675814 * x0)) * ((1.0 + sigma_b2 * x0));
  }
}

MB_KERNEL void soudry_variance_slope_infinity(size_t n, const double *const *arguments, double *restrict out) {
  (void)arguments;
  for (size_t i = 0; i < n; i++) {
    out[i] = 0.0;
  }
}

/** soudry_variance_slope at n points; how many of the values are no numbers. */
MB_ARRAYS size_t soudry_variance_slope_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {3, 0, soudry_variance_slope_value, soudry_variance_slope_zero, soudry_variance_slope_infinity};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Slope of it, dq'/dq.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double soudry_variance_slope(double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&q, &sigma_m2, &sigma_b2};
  const size_t strides[3] = {0};
  double value;
  soudry_variance_slope_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void soudry_correlation_map_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double c = arguments[0][i];
    const double q = arguments[1][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double x0 = 3.141592653589793 * sigma_b2;
    const double x1 = 2.0 * sigma_m2;
    out[i] = (x0 + x1 * atan2(c * q, sqrt(1.0 + q * (1.0 - c)) * sqrt(1.0 + q * (1.0 + c)))) / (x0 + x1 * atan(q / sqrt(1.0 + 2.0 * q)));
  }
}

/** soudry_correlation_map at n points; how many of the values are no numbers. */
MB_ARRAYS size_t soudry_correlation_map_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, -1, soudry_correlation_map_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Correlation map, c'.
 *
 * c: correlation of two inputs, in [-1, 1].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double soudry_correlation_map(double c, double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&c, &q, &sigma_m2, &sigma_b2};
  const size_t strides[4] = {0};
  double value;
  soudry_correlation_map_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void soudry_chi_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double c = arguments[0][i];
    const double q = arguments[1][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double x0 = 2.0 * q;
    out[i] = sigma_m2 * x0 / ((3.141592653589793 * sigma_b2 + 2.0 * sigma_m2 * atan(q / sqrt(1.0 + x0))) * sqrt(1.0 + q * (1.0 - c)) * sqrt(1.0 + q * (1.0 + c)));
  }
}

/** soudry_chi at n points; how many of the values are no numbers. */
MB_ARRAYS size_t soudry_chi_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, -1, soudry_chi_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Slope of the correlation map, chi = dc'/dc.
 *
 * c: correlation of two inputs, in [-1, 1].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double soudry_chi(double c, double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&c, &q, &sigma_m2, &sigma_b2};
  const size_t strides[4] = {0};
  double value;
  soudry_chi_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void soudry_gap_map_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double gap = arguments[0][i];
    const double q = arguments[1][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double x0 = sqrt(1.0 + 2.0 * q);
    const double x1 = atan(q / x0);
    const double x2 = 1 / (1.0 + q);
    const double x3 = gap * q;
    out[i] = mb_portion(0.6366197723675814 * sigma_m2 * x1, sigma_b2) * ((2.0 * atan2(x2 * x3, x0 * x2 + x2 * sqrt(1.0 + x3) * sqrt(1.0 + q * (2.0 - gap))) / x1));
  }
}

MB_KERNEL void soudry_gap_map_zero(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double gap = arguments[0][i];
    const double sigma_b2 = arguments[3][i];
    out[i] = gap * mb_portion(0.0, sigma_b2);
  }
}

MB_KERNEL void soudry_gap_map_infinity(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double gap = arguments[0][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    out[i] = 1.2732395447351628 * mb_portion(sigma_m2, sigma_b2) * atan2(gap, sqrt(gap) * sqrt(2.0 - gap));
  }
}

/** soudry_gap_map at n points; how many of the values are no numbers. */
MB_ARRAYS size_t soudry_gap_map_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, 1, soudry_gap_map_value, soudry_gap_map_zero, soudry_gap_map_infinity};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Correlation map in the gap, 1 - c', exact to rounding as gap -> 0; q may be 0 or infinite.
 *
 * gap: 1 - c, in [0, 2].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double soudry_gap_map(double gap, double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&gap, &q, &sigma_m2, &sigma_b2};
  const size_t strides[4] = {0};
  double value;
  soudry_gap_map_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void soudry_chi_at_gap_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double gap = arguments[0][i];
    const double q = arguments[1][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double x0 = atan(q / sqrt(1.0 + 2.0 * q));
    out[i] = mb_portion(0.6366197723675814 * sigma_m2 * x0, sigma_b2) * ((q / (x0 * sqrt(1.0 + gap * q) * sqrt(1.0 + q * (2.0 - gap)))));
  }
}

MB_KERNEL void soudry_chi_at_gap_zero(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double sigma_b2 = arguments[3][i];
    out[i] = mb_portion(0.0, sigma_b2);
  }
}

MB_KERNEL void soudry_chi_at_gap_infinity(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double gap = arguments[0][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    out[i] = mb_scaled(mb_portion(sigma_m2, sigma_b2), 0.6366197723675814 / (sqrt(gap) * sqrt(2.0 - gap)));
  }
}

/** soudry_chi_at_gap at n points; how many of the values are no numbers. */
MB_ARRAYS size_t soudry_chi_at_gap_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, 1, soudry_chi_at_gap_value, soudry_chi_at_gap_zero, soudry_chi_at_gap_infinity};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Slope of the correlation map, chi = dc'/dc, in terms of the gap.
 *
 * gap: 1 - c, in [0, 2].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double soudry_chi_at_gap(double gap, double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&gap, &q, &sigma_m2, &sigma_b2};
  const size_t strides[4] = {0};
  double value;
  soudry_chi_at_gap_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void soudry_replica_map_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double r = arguments[0][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    out[i] = (sigma_b2 + 0.6366197723675814 * sigma_m2 * asin(r)) / (1.0 + sigma_b2);
  }
}

/** soudry_replica_map at n points; how many of the values are no numbers. */
MB_ARRAYS size_t soudry_replica_map_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, -1, soudry_replica_map_value, 0, 0};
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
MB_EXPORT double soudry_replica_map(double r, double T, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&r, &T, &sigma_m2, &sigma_b2};
  const size_t strides[4] = {0};
  double value;
  soudry_replica_map_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void soudry_jacobian_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[0][i];
    const double sigma_m2 = arguments[1][i];
    const double sigma_b2 = arguments[2][i];
    out[i] = 0.6366197723675814 * sigma_m2 * (1.0 + q) / (sqrt(1.0 + 2.0 * q) * (1.0 + sigma_b2));
  }
}

/** soudry_jacobian at n points; how many of the values are no numbers. */
MB_ARRAYS size_t soudry_jacobian_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {3, -1, soudry_jacobian_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Mean squared singular value of the layer Jacobian.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double soudry_jacobian(double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&q, &sigma_m2, &sigma_b2};
  const size_t strides[3] = {0};
  double value;
  soudry_jacobian_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void soudry_jacobian_sigma_derivative_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[0][i];
    const double sigma_b2 = arguments[2][i];
    const double mu_4 = arguments[3][i];
    const double x0 = 1 / sqrt(1.0 + 2.0 * q);
    out[i] = 0.4052847345693511 * mu_4 * x0 * pow(1.0 + q, 2.0) * (2.0 + q) * atan(q * x0 / sqrt(1.0 + 4.0 * q)) / pow(1.0 + sigma_b2, 2.0);
  }
}

/** soudry_jacobian_sigma_derivative at n points; how many of the values are no numbers. */
MB_ARRAYS size_t soudry_jacobian_sigma_derivative_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, -1, soudry_jacobian_sigma_derivative_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * What the derivative of Sigma adds to it, times 1/N.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * mu_4: fourth moment of the weight means.
 */
MB_EXPORT double soudry_jacobian_sigma_derivative(double q, double sigma_m2, double sigma_b2, double mu_4) {
  const double *const arguments[] = {&q, &sigma_m2, &sigma_b2, &mu_4};
  const size_t strides[4] = {0};
  double value;
  soudry_jacobian_sigma_derivative_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void soudry_critical_sigma_m2_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[0][i];
    const double x0 = sqrt(1.0 + 2.0 * q);
    out[i] = 1.5707963267948966 * x0 / (1.0 + x0 * atan(q / x0));
  }
}

/** soudry_critical_sigma_m2 at n points; how many of the values are no numbers. */
MB_ARRAYS size_t soudry_critical_sigma_m2_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {1, -1, soudry_critical_sigma_m2_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Sigma_m2 along the critical curve.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 */
MB_EXPORT double soudry_critical_sigma_m2(double q) {
  const double *const arguments[] = {&q};
  const size_t strides[1] = {0};
  double value;
  soudry_critical_sigma_m2_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void soudry_critical_sigma_b2_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[0][i];
    const double x0 = sqrt(1.0 + 2.0 * q);
    const double x1 = x0 * atan(q / x0);
    out[i] = (q - x1) / (1.0 + x1);
  }
}

/** soudry_critical_sigma_b2 at n points; how many of the values are no numbers. */
MB_ARRAYS size_t soudry_critical_sigma_b2_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {1, -1, soudry_critical_sigma_b2_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Sigma_b2 along the critical curve.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 */
MB_EXPORT double soudry_critical_sigma_b2(double q) {
  const double *const arguments[] = {&q};
  const size_t strides[1] = {0};
  double value;
  soudry_critical_sigma_b2_array(1, arguments, strides, &value);
  return value;
}

#endif
