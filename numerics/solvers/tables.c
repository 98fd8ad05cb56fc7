// Polynomials on the cells of tables, as numerics/solvers/tables.py has them; what emitted headers begin with goes before.

#include <stdint.h>

enum { MB_OF_Q = 11, MB_DEGREE = 9, MB_OF_BOTH = (MB_DEGREE + 1) * (MB_DEGREE + 2) / 2 };

/** Rows of q, so many an octave from `first` on, each of `counts` cells from `starts` on, of t to the reach of `scale`. */
typedef struct {
  int32_t first, per_octave;
  double scale;
  const double *counts;
  const int32_t *starts;
} mb_grid;

/** The row of q > 0, and the place in it, from -1 to 1. */
MB_INLINE int32_t mb_row(const mb_grid *grid, double q, double *place) {
  int64_t bits;
  memcpy(&bits, &q, sizeof q);
  const int32_t exponent = (int32_t)(bits >> 52) - 1023;
  bits = (bits & 0xfffffffffffffLL) | 0x3ff0000000000000LL;
  double mantissa;
  memcpy(&mantissa, &bits, sizeof bits);
  const double position = (double)grid->per_octave * (log(mantissa) * 1.44269504088896340736);
  int32_t part = (int32_t)position;
  part = part < grid->per_octave ? part : grid->per_octave - 1;
  *place = 2 * (position - (double)part) - 1;
  return (exponent - grid->first) * grid->per_octave + part;
}

/** asinh(x), x >= 0. */
MB_INLINE double mb_area(double x) { return log1p(x + x * x / (1 + sqrt(1 + x * x))); }

/** The cell of a gap in [0, 1] in a row, and the place in it, from -1 to 1. */
MB_INLINE int32_t mb_cell(const mb_grid *grid, int32_t row, double gap, double q, double *place) {
  const double root = sqrt(1 + q / grid->scale), count = grid->counts[row];
  const double t = mb_area(root * sqrt(gap / (2 - gap))) / mb_area(root) * count;
  int32_t part = (int32_t)t;
  part = (double)part < count ? part : (int32_t)count - 1;
  *place = 2 * (t - (double)part) - 1;
  return grid->starts[row] + part;
}

/** Ratios at n points q, up to MB_BLOCK; coefficients by row, the highest power first. */
MB_KERNEL void mb_block_of_q(const mb_grid *grid, const double *coefficients, size_t n, const double *q, double *restrict out) {
  int32_t at[MB_BLOCK];
  double x[MB_BLOCK];
  for (size_t i = 0; i < n; i++) at[i] = MB_OF_Q * mb_row(grid, q[i], &x[i]);
  for (size_t i = 0; i < n; i++) out[i] = coefficients[at[i]];
  for (int k = 1; k < MB_OF_Q; k++) {
    for (size_t i = 0; i < n; i++) out[i] = out[i] * x[i] + coefficients[at[i] + k];
  }
}

/** Ratios at n points of gap and q; coefficients by cell, by power in log q and in t, the highest first. */
MB_KERNEL void mb_block_of_both(const mb_grid *grid, const double *coefficients, size_t n, const double *gap,
                                const double *q, double *restrict out) {
  int32_t at[MB_BLOCK];
  double x[MB_BLOCK], y[MB_BLOCK], part[MB_BLOCK];
  for (size_t i = 0; i < n; i++) {
    const int32_t row = mb_row(grid, q[i], &x[i]);
    at[i] = MB_OF_BOTH * mb_cell(grid, row, gap[i], q[i], &y[i]);
    out[i] = 0;
  }
  for (int k = MB_DEGREE, j = 0; k >= 0; k--) {
    for (size_t i = 0; i < n; i++) part[i] = coefficients[at[i] + j];
    j++;
    for (int l = MB_DEGREE - k; l > 0; l--, j++) {
      for (size_t i = 0; i < n; i++) part[i] = part[i] * y[i] + coefficients[at[i] + j];
    }
    for (size_t i = 0; i < n; i++) out[i] = out[i] * x[i] + part[i];
  }
}

/** `mb_block_of_q` at any number of points. */
MB_EXPORT void mb_of_q(const mb_grid *grid, const double *coefficients, size_t n, const double *q, double *out) {
  for (size_t start = 0; start < n; start += MB_BLOCK) {
    mb_block_of_q(grid, coefficients, n - start < MB_BLOCK ? n - start : MB_BLOCK, q + start, out + start);
  }
}

/** `mb_block_of_both` at any number of points. */
MB_EXPORT void mb_of_both(const mb_grid *grid, const double *coefficients, size_t n, const double *gap, const double *q,
                          double *out) {
  for (size_t start = 0; start < n; start += MB_BLOCK) {
    const size_t here = n - start < MB_BLOCK ? n - start : MB_BLOCK;
    mb_block_of_both(grid, coefficients, here, gap + start, q + start, out + start);
  }
}
