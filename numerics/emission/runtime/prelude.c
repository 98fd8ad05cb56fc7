// The start of every emitted header: compilers, vector mathematics, and how maps run over arrays.

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
