/* The formulas that the erf map, its gap form and chi are emitted with, as one would write them in C: loops, no limits. */
#include <math.h>
#include <stddef.h>

__attribute__((simd("notinbranch"))) double atan(double);
__attribute__((simd("notinbranch"))) double atan2(double, double);

void correlation_map(size_t n, const double *restrict c, const double *restrict q, double m, double b,
                     double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double norm = M_PI * b + 2 * m * atan(q[i] / sqrt(1 + 2 * q[i]));
    out[i] = (M_PI * b + 2 * m * atan2(c[i] * q[i], sqrt((1 + q[i] * (1 - c[i])) * (1 + q[i] * (1 + c[i]))))) / norm;
  }
}

void gap_map(size_t n, const double *restrict gap, const double *restrict q, double m, double b, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double root = sqrt(1 + 2 * q[i]), angle = atan(q[i] / root), rest = 1 / (1 + q[i]), part = 2 * m / M_PI * angle;
    const double far = sqrt(1 + gap[i] * q[i]) * sqrt(1 + q[i] * (2 - gap[i]));
    out[i] = part / (part + b) * (2 * atan2(rest * gap[i] * q[i], root * rest + rest * far) / angle);
  }
}

void chi_at_gap(size_t n, const double *restrict gap, const double *restrict q, double m, double b,
                double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double angle = atan(q[i] / sqrt(1 + 2 * q[i])), part = 2 * m / M_PI * angle;
    out[i] = part / (part + b) * (q[i] / (angle * sqrt(1 + gap[i] * q[i]) * sqrt(1 + q[i] * (2 - gap[i]))));
  }
}
