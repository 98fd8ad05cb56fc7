/* shayer: derived, not written. Shayer, Levi, Fetaya 2017, arXiv 1710.07739.
 * Weights binary; neurons tanh; treatment sample; form exact.
 *
 * Needs a C99 compiler and its mathematics library. `shayer_MAP(...)` takes numbers. `shayer_MAP_array(n, arguments,
 * strides, out)` takes n points: of each argument, in the order of MAP, where its numbers are, and stride 1, or 0 for
 * one number that serves all points; `out` overlaps none. What is outside the domain gives NAN, and how many such
 * values there are is returned. Fast with
 *     cc -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off ... -lm
 */

#ifndef MEANBITS_SHAYER_H
#define MEANBITS_SHAYER_H

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

#ifndef HAS_mb_pairs
#define HAS_mb_pairs
/** a + b, a b and weight of the pairs. */
static const double mb_pairs[][3] = {
    {0.13015084112131992, 0.004234810361146765, 1.0540585161776158e-13},
    {0.15823213479310344, 0.006062212356725477, 3.3169288462887954e-11},
    {0.186313428464887, 0.008678173406585141, 2.6094416966621254e-09},
    {0.19634586470854334, 0.008542479360108135, 9.085873105586185e-10},
    {0.2244271583803269, 0.012228723252650307, 1.4295788201079374e-07},
    {0.26254088829576677, 0.01723192950678257, 1.9579816685647746e-06},
    {0.25104679779019945, 0.012102165585457425, 8.60362404163821e-09},
    {0.27912809146198303, 0.017324482443986162, 1.3537013518860845e-06},
    {0.3172418213774229, 0.02441254528771522, 3.708116536735183e-05},
    {0.37194275445907904, 0.03458535314865169, 0.00017556507896327684},
    {0.33207272495719814, 0.017374961872167267, 3.768760813298564e-08},
    {0.36015401862898166, 0.024872591586501038, 5.9297995626109906e-06},
    {0.3982677485444216, 0.03504885473442119, 0.00016243160123174063},
    {0.45296868162607773, 0.049653856415198795, 0.0015381025172143137},
    {0.5339946087930764, 0.07128756055501767, 0.0033687783576195366},
    {0.4546531743523488, 0.02535193616907139, 9.022792857320745e-08},
    {0.48273446802413233, 0.03629178348128959, 1.4196537214586968e-05},
    {0.5208481979395723, 0.05114004477036976, 0.00038887760831767486},
    {0.5755491310212284, 0.07245031141063084, 0.0036823722952059206},
    {0.656575058188227, 0.10401621011523915, 0.016130389169708385},
    {0.7791555075833777, 0.15177082624937774, 0.019308887907225066},
    {0.642178117871245, 0.03755520073417757, 1.3178055504091855e-07},
    {0.6702594115430286, 0.05376099105613451, 2.0734461971820727e-05},
    {0.7083731414584684, 0.075756527394902, 0.0005679672345077577},
    {0.7630740745401245, 0.10732458342173158, 0.0053782135155171175},
    {0.8441000017071232, 0.15408486454189751, 0.023558909878835407},
    {0.966680451102274, 0.22482637252538265, 0.05640240235754635},
    {1.15420539462117, 0.33304752324315273, 0.041188687393438464},
    {0.9285513433108927, 0.05619105881697533, 1.2603454222721512e-07},
    {0.9566326369826763, 0.0804385797822389, 1.983037954373917e-05},
    {0.9947463668981161, 0.1133488678904265, 0.0005432022226573224},
    {1.0494472999797724, 0.16058180655840826, 0.005143707872667163},
    {1.130473227146771, 0.2305457437856256, 0.022531673364323535},
    {1.2530536765419216, 0.33639101043824154, 0.05394309471106172},
    {1.4405786200608177, 0.4983142840819057, 0.07878548332050944},
    {1.7269518455004655, 0.745590669169366, 0.037675104348160765},
    {1.358426919092457, 0.08416539269971646, 8.07970927894483e-08},
    {1.3865082127642403, 0.12048437595082917, 1.2712681680209206e-05},
    {1.4246219426796802, 0.16977882565159952, 0.00034823120401671184},
    {1.4793228757613364, 0.24052635942384704, 0.0032974820626591934},
    {1.560348802928335, 0.345321363745213, 0.014444402870419466},
    {1.6829292523234858, 0.5038609716611322, 0.034581354854784536},
    {1.870454195842382, 0.7463966383733872, 0.05050709030888341},
    {2.1568274212820295, 1.1167778786351397, 0.04830483529479875},
    {2.5867029970635937, 1.6727580987544446, 0.015483415064327127},
    {1.9862230770889737, 0.12501949170770632, 3.323693760941731e-08},
    {2.0143043707607573, 0.17896780323753664, 5.2295273662207334e-06},
    {2.0524181006761975, 0.25218990614613707, 0.00014324944626061158},
    {2.1071190337578534, 0.3572784755458729, 0.0013564622414123455},
    {2.188144960924852, 0.5129412456407862, 0.005941893457237326},
    {2.3107254103200026, 0.7484363887324674, 0.014225491216036636},
    {2.498250353838899, 1.1086994945143993, 0.020776750146247754},
    {2.7846235792785468, 1.658864745460233, 0.019870823831622766},
    {3.2144991550601105, 2.4847192004717447, 0.012738609341175695},
    {3.8422953130566277, 3.6908083181842324, 0.002620096523811374},
    {2.880560131151408, 0.18321885162380092, 7.848604665194535e-09},
    {2.9086414248231915, 0.2622813046103162, 1.2349059761646949e-06},
    {2.9467551547386317, 0.36958992845082245, 3.382707171821419e-05},
    {3.0014560878202876, 0.5235995691972729, 0.00032031639019271897},
    {3.0824820149872862, 0.7517268282973972, 0.0014031248382928069},
    {3.205062464382437, 1.096850209386787, 0.00335922214118891},
    {3.392587407901333, 1.6248238207186327, 0.00490624316962396},
    {3.678960633340981, 2.431103258466518, 0.004692316797018754},
    {4.108836209122545, 3.6414113695359065, 0.003008108324483961},
    {4.736632367119062, 5.4089618537427135, 0.0012374245811515039},
    {5.630969421181496, 7.926954155570269, 0.00014610335727350954},
    {4.138510732511991, 0.26508051605187594, 8.91408350628765e-10},
    {4.166592026183774, 0.37946784929979444, 1.4025493018857398e-07},
    {4.204705756099214, 0.5347216626075231, 3.841922926842547e-06},
    {4.25940668918087, 0.7575423750190279, 3.638005954450432e-05},
    {4.340432616347869, 1.0875962479246768, 0.00015936045337784155},
    {4.463013065743019, 1.5869197790457468, 0.0003815249711266499},
    {4.650538009261916, 2.3507905058472973, 0.0005572284906911842},
    {4.936911234701563, 3.5173133147505573, 0.0005329317190872249},
    {5.366786810483127, 5.268383664884591, 0.00034164708179685633},
    {5.994582968479644, 7.825670703574979, 0.0001405409817369636},
    {6.888920022542079, 11.468694840379426, 3.318749211718036e-05},
    {8.146870623902661, 16.592875240652035, 1.884641211505563e-06},
    {5.924175152844375, 0.38128337918521293, 3.613665213338631e-11},
    {5.9522564465161585, 0.5458144794197403, 5.685770857589416e-09},
    {5.990370176431599, 0.7691266241636279, 1.5574706276047583e-07},
    {6.0450711095132545, 1.0896248465380287, 1.4748050715750275e-06},
    {6.126097036680253, 1.5643638347102304, 6.460286425936874e-06},
    {6.248677486075404, 2.2825749129445754, 1.5466576179232744e-05},
    {6.4362024295943, 3.3813022593126587, 2.2589391397013273e-05},
    {6.722575655033948, 5.059191547819323, 2.160442868851127e-05},
    {7.152451230815512, 7.577875418796393, 1.3849973178477852e-05},
    {7.780247388812029, 11.25619572004253, 5.697367052856244e-06},
    {8.674584442874464, 16.496205714071145, 1.3453821214173256e-06},
    {9.932535044235046, 23.86666374572907, 1.528023016799919e-07},
    {11.71819946456743, 34.3290496728471, 3.0972133125608366e-09},
    {8.624466818558137, 0.557005994967981, 2.639474625597024e-13},
    {8.65254811222992, 0.7973647784668859, 4.152971296336845e-11},
    {8.69066184214536, 1.1235951104507012, 1.137599627796568e-09},
    {8.745362775227017, 1.5918018065322643, 1.077219480585931e-08},
    {8.826388702394015, 2.2853344305402428, 4.7186889456190953e-08},
    {8.948969151789166, 3.3345484746557603, 1.1297016452786347e-07},
    {9.136494095308061, 4.939647863121363, 1.6499626246508345e-07},
    {9.42286732074771, 7.390828385566276, 1.578019488727392e-07},
    {9.852742896529273, 11.070301691120209, 1.0116225663311326e-07},
    {10.48053905452579, 16.44385472557146, 4.161441329212962e-08},
    {11.374876108588225, 24.098835613023866, 9.826870397692696e-09},
    {12.632826709948807, 34.866127169415385, 1.1160906564571836e-09},
    {14.418491130281192, 50.15032784851855, 4.524501007116159e-11},
    {17.118782795994953, 73.2631811041132, 1.6523812938855367e-13},
};
#endif

#ifndef HAS_mb_larger
#define HAS_mb_larger
/** The larger number; no number where one is none. */
MB_INLINE double mb_larger(double a, double b) { return a > b || a != a ? a : b; }
#endif

#ifndef HAS_mb_smaller
#define HAS_mb_smaller
/** The smaller number; no number where one is none. */
MB_INLINE double mb_smaller(double a, double b) { return a < b || a != a ? a : b; }
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

#ifndef HAS_mb_correlation
#define HAS_mb_correlation
/** rho, where a magnitude of 1 plus at most 1e-15, a ratio's rounding, counts as 1; beyond it is no number. */
MB_INLINE double mb_correlation(double rho) {
  return fabs(rho) <= 1 + 1e-15 ? mb_smaller(mb_larger(rho, -1.0), 1.0) : NAN;
}
#endif

#ifndef HAS_mb_distance
#define HAS_mb_distance
/** value in [0, largest], where 2e-15 beyond an end is rounding and counts as the end; further out it is no number. */
MB_INLINE double mb_distance(double value, double largest) {
  return fabs(value - largest / 2) <= largest / 2 + 2e-15 ? mb_smaller(mb_larger(value, 0.0), largest) : NAN;
}
#endif

#ifndef HAS_mb_variances
#define HAS_mb_variances
/** What all sums over pairs know of a block of points, the variance V: min(V, 1), 1 / max(V, 1). */
typedef struct {
  double low[MB_BLOCK], high[MB_BLOCK];
} mb_variances;
#endif

#ifndef HAS_mb_split
#define HAS_mb_split
/** Those of a block; no numbers where V is negative. */
MB_INLINE void mb_split(size_t n, const double *variance, mb_variances *v) {
  for (size_t i = 0; i < n; i++) {
    v->low[i] = variance[i] >= 0 ? mb_smaller(variance[i], 1.0) : NAN;
    v->high[i] = 1 / mb_smaller(mb_larger(variance[i], 1.0), DBL_MAX);
  }
}
#endif

#ifndef HAS_mb_spread
#define HAS_mb_spread
/** Of a pair and a point: (V + a)(V + b) - V^2 over max(V, 1)^2. */
MB_INLINE double mb_spread(const double *pair, double low, double high) {
  return low * high * pair[0] + high * high * pair[1];
}
#endif

#ifndef HAS_mb_tanh_overlap
#define HAS_mb_tanh_overlap
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
#endif

#ifndef HAS_mb_tanh_difference
#define HAS_mb_tanh_difference
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
#endif

#ifndef HAS_mb_tanh_slope_overlap
#define HAS_mb_tanh_slope_overlap
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
#endif

#ifndef HAS_mb_tanh_curvature_overlap
#define HAS_mb_tanh_curvature_overlap
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
#endif

#ifndef HAS_mb_tanh_overlap_growth
#define HAS_mb_tanh_overlap_growth
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
#endif

MB_KERNEL void shayer_mean_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double h = arguments[0][i];
    out[i] = tanh(h);
  }
}

/** shayer_mean at n points; how many of the values are no numbers. */
MB_ARRAYS size_t shayer_mean_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {1, -1, shayer_mean_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Mean of a neuron, E x.
 *
 * h: field, any real.
 */
MB_EXPORT double shayer_mean(double h) {
  const double *const arguments[] = {&h};
  const size_t strides[1] = {0};
  double value;
  shayer_mean_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void shayer_second_moment_value(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double h = arguments[0][i];
    out[i] = pow(tanh(h), 2.0);
  }
}

/** shayer_second_moment at n points; how many of the values are no numbers. */
MB_ARRAYS size_t shayer_second_moment_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {1, -1, shayer_second_moment_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Second moment, E x^2.
 *
 * h: field, any real.
 */
MB_EXPORT double shayer_second_moment(double h) {
  const double *const arguments[] = {&h};
  const size_t strides[1] = {0};
  double value;
  shayer_second_moment_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void shayer_total_map_value(size_t n, const double *const *arguments, double *restrict out) {
  double part_1_1[MB_BLOCK] = {0}, part_1_2[MB_BLOCK] = {0}, sums_1[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double T = arguments[0][i];
    part_1_1[i] = T;
    part_1_2[i] = 1.0;
  }
  mb_tanh_overlap(n, part_1_1, part_1_2, sums_1);
  for (size_t i = 0; i < n; i++) {
    const double T = arguments[0][i];
    const double sigma_b2 = arguments[2][i];
    const double sum_1 = sums_1[i];
    out[i] = sigma_b2 + (T == 0 ? 0.0 : T == INFINITY ? 1.0 : sum_1);
  }
}

/** shayer_total_map at n points; how many of the values are no numbers. */
MB_ARRAYS size_t shayer_total_map_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {3, -1, shayer_total_map_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Total field variance of the next layer, T'.
 *
 * T: total field variance, > 0.
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double shayer_total_map(double T, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&T, &sigma_m2, &sigma_b2};
  const size_t strides[3] = {0};
  double value;
  shayer_total_map_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void shayer_total_slope_value(size_t n, const double *const *arguments, double *restrict out) {
  double part_1_1[MB_BLOCK] = {0}, part_1_2[MB_BLOCK] = {0}, sums_1[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double T = arguments[0][i];
    part_1_1[i] = T;
    part_1_2[i] = 1.0;
  }
  mb_tanh_overlap_growth(n, part_1_1, part_1_2, sums_1);
  for (size_t i = 0; i < n; i++) {
    const double sum_1 = sums_1[i];
    out[i] = sum_1;
  }
}

MB_KERNEL void shayer_total_slope_zero(size_t n, const double *const *arguments, double *restrict out) {
  (void)arguments;
  for (size_t i = 0; i < n; i++) {
    out[i] = 1.0;
  }
}

MB_KERNEL void shayer_total_slope_infinity(size_t n, const double *const *arguments, double *restrict out) {
  (void)arguments;
  for (size_t i = 0; i < n; i++) {
    out[i] = 0.0;
  }
}

/** shayer_total_slope at n points; how many of the values are no numbers. */
MB_ARRAYS size_t shayer_total_slope_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {3, 0, shayer_total_slope_value, shayer_total_slope_zero, shayer_total_slope_infinity};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Slope of it, dT'/dT.
 *
 * T: total field variance, > 0.
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double shayer_total_slope(double T, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&T, &sigma_m2, &sigma_b2};
  const size_t strides[3] = {0};
  double value;
  shayer_total_slope_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void shayer_variance_map_value(size_t n, const double *const *arguments, double *restrict out) {
  double part_1_1[MB_BLOCK] = {0}, part_1_2[MB_BLOCK] = {0}, sums_1[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[0][i];
    part_1_1[i] = q;
    part_1_2[i] = 1.0;
  }
  mb_tanh_overlap(n, part_1_1, part_1_2, sums_1);
  for (size_t i = 0; i < n; i++) {
    const double sigma_b2 = arguments[2][i];
    const double sum_1 = sums_1[i];
    out[i] = sigma_b2 + sum_1;
  }
}

MB_KERNEL void shayer_variance_map_zero(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double sigma_b2 = arguments[2][i];
    out[i] = sigma_b2;
  }
}

MB_KERNEL void shayer_variance_map_infinity(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double sigma_b2 = arguments[2][i];
    out[i] = 1.0 + sigma_b2;
  }
}

/** shayer_variance_map at n points; how many of the values are no numbers. */
MB_ARRAYS size_t shayer_variance_map_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {3, 0, shayer_variance_map_value, shayer_variance_map_zero, shayer_variance_map_infinity};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Variance map, q'.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double shayer_variance_map(double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&q, &sigma_m2, &sigma_b2};
  const size_t strides[3] = {0};
  double value;
  shayer_variance_map_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void shayer_variance_slope_value(size_t n, const double *const *arguments, double *restrict out) {
  double part_1_1[MB_BLOCK] = {0}, part_1_2[MB_BLOCK] = {0}, sums_1[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[0][i];
    part_1_1[i] = q;
    part_1_2[i] = 1.0;
  }
  mb_tanh_overlap_growth(n, part_1_1, part_1_2, sums_1);
  for (size_t i = 0; i < n; i++) {
    const double sum_1 = sums_1[i];
    out[i] = sum_1;
  }
}

MB_KERNEL void shayer_variance_slope_zero(size_t n, const double *const *arguments, double *restrict out) {
  (void)arguments;
  for (size_t i = 0; i < n; i++) {
    out[i] = 1.0;
  }
}

MB_KERNEL void shayer_variance_slope_infinity(size_t n, const double *const *arguments, double *restrict out) {
  (void)arguments;
  for (size_t i = 0; i < n; i++) {
    out[i] = 0.0;
  }
}

/** shayer_variance_slope at n points; how many of the values are no numbers. */
MB_ARRAYS size_t shayer_variance_slope_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {3, 0, shayer_variance_slope_value, shayer_variance_slope_zero, shayer_variance_slope_infinity};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Slope of it, dq'/dq.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double shayer_variance_slope(double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&q, &sigma_m2, &sigma_b2};
  const size_t strides[3] = {0};
  double value;
  shayer_variance_slope_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void shayer_correlation_map_value(size_t n, const double *const *arguments, double *restrict out) {
  double part_1_1[MB_BLOCK] = {0}, part_1_2[MB_BLOCK] = {0}, sums_1[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[1][i];
    part_1_1[i] = q;
    part_1_2[i] = 1.0;
  }
  mb_tanh_overlap(n, part_1_1, part_1_2, sums_1);
  double part_2_1[MB_BLOCK] = {0}, part_2_2[MB_BLOCK] = {0}, sums_2[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double c = arguments[0][i];
    const double q = arguments[1][i];
    part_2_1[i] = q;
    part_2_2[i] = c;
  }
  mb_tanh_overlap(n, part_2_1, part_2_2, sums_2);
  for (size_t i = 0; i < n; i++) {
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double sum_1 = sums_1[i];
    const double sum_2 = sums_2[i];
    out[i] = (sigma_b2 + sigma_m2 * sum_2) / (sigma_b2 + sum_1);
  }
}

/** shayer_correlation_map at n points; how many of the values are no numbers. */
MB_ARRAYS size_t shayer_correlation_map_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, -1, shayer_correlation_map_value, 0, 0};
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
MB_EXPORT double shayer_correlation_map(double c, double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&c, &q, &sigma_m2, &sigma_b2};
  const size_t strides[4] = {0};
  double value;
  shayer_correlation_map_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void shayer_chi_value(size_t n, const double *const *arguments, double *restrict out) {
  double part_1_1[MB_BLOCK] = {0}, part_1_2[MB_BLOCK] = {0}, sums_1[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[1][i];
    part_1_1[i] = q;
    part_1_2[i] = 1.0;
  }
  mb_tanh_overlap(n, part_1_1, part_1_2, sums_1);
  double part_2_1[MB_BLOCK] = {0}, part_2_2[MB_BLOCK] = {0}, sums_2[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double c = arguments[0][i];
    const double q = arguments[1][i];
    part_2_1[i] = q;
    part_2_2[i] = (1.0 - c) * (1.0 + c);
  }
  mb_tanh_slope_overlap(n, part_2_1, part_2_2, sums_2);
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[1][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double sum_1 = sums_1[i];
    const double sum_2 = sums_2[i];
    out[i] = q * sigma_m2 * sum_2 / (sigma_b2 + sum_1);
  }
}

/** shayer_chi at n points; how many of the values are no numbers. */
MB_ARRAYS size_t shayer_chi_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, -1, shayer_chi_value, 0, 0};
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
MB_EXPORT double shayer_chi(double c, double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&c, &q, &sigma_m2, &sigma_b2};
  const size_t strides[4] = {0};
  double value;
  shayer_chi_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void shayer_gap_map_value(size_t n, const double *const *arguments, double *restrict out) {
  double part_1_1[MB_BLOCK] = {0}, part_1_2[MB_BLOCK] = {0}, part_1_3[MB_BLOCK] = {0}, sums_1[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double gap = arguments[0][i];
    const double q = arguments[1][i];
    part_1_1[i] = q;
    part_1_2[i] = 0.0;
    part_1_3[i] = gap;
  }
  mb_tanh_difference(n, part_1_1, part_1_2, part_1_3, sums_1);
  double part_2_1[MB_BLOCK] = {0}, part_2_2[MB_BLOCK] = {0}, sums_2[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[1][i];
    part_2_1[i] = q;
    part_2_2[i] = 1.0;
  }
  mb_tanh_overlap(n, part_2_1, part_2_2, sums_2);
  for (size_t i = 0; i < n; i++) {
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double sum_1 = sums_1[i];
    const double sum_2 = sums_2[i];
    const double x0 = mb_portion(sum_2, sigma_b2);
    out[i] = x0 * (1.0 - sigma_m2) + sigma_m2 * x0 * ((sum_1 / sum_2));
  }
}

MB_KERNEL void shayer_gap_map_zero(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double gap = arguments[0][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double x0 = mb_portion(0.0, sigma_b2);
    out[i] = x0 * (1.0 - sigma_m2) + gap * sigma_m2 * x0;
  }
}

MB_KERNEL void shayer_gap_map_infinity(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double gap = arguments[0][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double x0 = mb_portion(1.0, sigma_b2);
    out[i] = x0 * (1.0 - sigma_m2) + 1.2732395447351628 * sigma_m2 * x0 * atan2(gap, sqrt(gap) * sqrt(2.0 - gap));
  }
}

/** shayer_gap_map at n points; how many of the values are no numbers. */
MB_ARRAYS size_t shayer_gap_map_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, 1, shayer_gap_map_value, shayer_gap_map_zero, shayer_gap_map_infinity};
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
MB_EXPORT double shayer_gap_map(double gap, double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&gap, &q, &sigma_m2, &sigma_b2};
  const size_t strides[4] = {0};
  double value;
  shayer_gap_map_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void shayer_chi_at_gap_value(size_t n, const double *const *arguments, double *restrict out) {
  double part_1_1[MB_BLOCK] = {0}, part_1_2[MB_BLOCK] = {0}, sums_1[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[1][i];
    part_1_1[i] = q;
    part_1_2[i] = 1.0;
  }
  mb_tanh_overlap(n, part_1_1, part_1_2, sums_1);
  double part_2_1[MB_BLOCK] = {0}, part_2_2[MB_BLOCK] = {0}, sums_2[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double gap = arguments[0][i];
    const double q = arguments[1][i];
    part_2_1[i] = q;
    part_2_2[i] = gap * (2.0 - gap);
  }
  mb_tanh_slope_overlap(n, part_2_1, part_2_2, sums_2);
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[1][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double sum_1 = sums_1[i];
    const double sum_2 = sums_2[i];
    out[i] = sigma_m2 * mb_portion(sum_1, sigma_b2) * ((q * sum_2 / sum_1));
  }
}

MB_KERNEL void shayer_chi_at_gap_zero(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    out[i] = sigma_m2 * mb_portion(0.0, sigma_b2);
  }
}

MB_KERNEL void shayer_chi_at_gap_infinity(size_t n, const double *const *arguments, double *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const double gap = arguments[0][i];
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    out[i] = mb_scaled(sigma_m2 * mb_portion(1.0, sigma_b2), 0.6366197723675814 / (sqrt(gap) * sqrt(2.0 - gap)));
  }
}

/** shayer_chi_at_gap at n points; how many of the values are no numbers. */
MB_ARRAYS size_t shayer_chi_at_gap_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, 1, shayer_chi_at_gap_value, shayer_chi_at_gap_zero, shayer_chi_at_gap_infinity};
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
MB_EXPORT double shayer_chi_at_gap(double gap, double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&gap, &q, &sigma_m2, &sigma_b2};
  const size_t strides[4] = {0};
  double value;
  shayer_chi_at_gap_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void shayer_replica_map_value(size_t n, const double *const *arguments, double *restrict out) {
  double part_1_1[MB_BLOCK] = {0}, part_1_2[MB_BLOCK] = {0}, sums_1[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double T = arguments[1][i];
    part_1_1[i] = T;
    part_1_2[i] = 1.0;
  }
  mb_tanh_overlap(n, part_1_1, part_1_2, sums_1);
  double part_2_1[MB_BLOCK] = {0}, part_2_2[MB_BLOCK] = {0}, sums_2[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double r = arguments[0][i];
    const double T = arguments[1][i];
    part_2_1[i] = T;
    part_2_2[i] = r;
  }
  mb_tanh_overlap(n, part_2_1, part_2_2, sums_2);
  for (size_t i = 0; i < n; i++) {
    const double sigma_m2 = arguments[2][i];
    const double sigma_b2 = arguments[3][i];
    const double sum_1 = sums_1[i];
    const double sum_2 = sums_2[i];
    out[i] = (sigma_b2 + sigma_m2 * sum_2) / (sigma_b2 + sum_1);
  }
}

/** shayer_replica_map at n points; how many of the values are no numbers. */
MB_ARRAYS size_t shayer_replica_map_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, -1, shayer_replica_map_value, 0, 0};
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
MB_EXPORT double shayer_replica_map(double r, double T, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&r, &T, &sigma_m2, &sigma_b2};
  const size_t strides[4] = {0};
  double value;
  shayer_replica_map_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void shayer_jacobian_value(size_t n, const double *const *arguments, double *restrict out) {
  double part_1_1[MB_BLOCK] = {0}, part_1_2[MB_BLOCK] = {0}, sums_1[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[0][i];
    part_1_1[i] = q;
    part_1_2[i] = 0.0;
  }
  mb_tanh_slope_overlap(n, part_1_1, part_1_2, sums_1);
  for (size_t i = 0; i < n; i++) {
    const double sigma_m2 = arguments[1][i];
    const double sum_1 = sums_1[i];
    out[i] = sigma_m2 * sum_1;
  }
}

/** shayer_jacobian at n points; how many of the values are no numbers. */
MB_ARRAYS size_t shayer_jacobian_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {3, -1, shayer_jacobian_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Mean squared singular value of the layer Jacobian.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double shayer_jacobian(double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&q, &sigma_m2, &sigma_b2};
  const size_t strides[3] = {0};
  double value;
  shayer_jacobian_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void shayer_jacobian_sigma_derivative_value(size_t n, const double *const *arguments, double *restrict out) {
  double part_1_1[MB_BLOCK] = {0}, part_1_2[MB_BLOCK] = {0}, sums_1[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[0][i];
    part_1_1[i] = q;
    part_1_2[i] = 0.0;
  }
  mb_tanh_curvature_overlap(n, part_1_1, part_1_2, sums_1);
  double part_2_1[MB_BLOCK] = {0}, part_2_2[MB_BLOCK] = {0}, sums_2[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[0][i];
    part_2_1[i] = q;
    part_2_2[i] = 1.0;
  }
  mb_tanh_overlap(n, part_2_1, part_2_2, sums_2);
  for (size_t i = 0; i < n; i++) {
    const double sigma_m2 = arguments[1][i];
    const double mu_4 = arguments[3][i];
    const double sum_1 = sums_1[i];
    const double sum_2 = sums_2[i];
    out[i] = sum_1 * (1.0 + mu_4 - 2.0 * sigma_m2) / (4.0 * sum_2 * (1.0 - sigma_m2));
  }
}

/** shayer_jacobian_sigma_derivative at n points; how many of the values are no numbers. */
MB_ARRAYS size_t shayer_jacobian_sigma_derivative_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, -1, shayer_jacobian_sigma_derivative_value, 0, 0};
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
MB_EXPORT double shayer_jacobian_sigma_derivative(double q, double sigma_m2, double sigma_b2, double mu_4) {
  const double *const arguments[] = {&q, &sigma_m2, &sigma_b2, &mu_4};
  const size_t strides[4] = {0};
  double value;
  shayer_jacobian_sigma_derivative_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void shayer_gradient_growth_value(size_t n, const double *const *arguments, double *restrict out) {
  double part_1_1[MB_BLOCK] = {0}, part_1_2[MB_BLOCK] = {0}, sums_1[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double q = arguments[0][i];
    part_1_1[i] = q;
    part_1_2[i] = 0.0;
  }
  mb_tanh_slope_overlap(n, part_1_1, part_1_2, sums_1);
  for (size_t i = 0; i < n; i++) {
    const double sigma_m2 = arguments[1][i];
    const double sum_1 = sums_1[i];
    out[i] = sigma_m2 * sum_1;
  }
}

/** shayer_gradient_growth at n points; how many of the values are no numbers. */
MB_ARRAYS size_t shayer_gradient_growth_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {3, -1, shayer_gradient_growth_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Growth of squared gradients, chi_g.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double shayer_gradient_growth(double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&q, &sigma_m2, &sigma_b2};
  const size_t strides[3] = {0};
  double value;
  shayer_gradient_growth_array(1, arguments, strides, &value);
  return value;
}

MB_KERNEL void shayer_gradient_overlap_value(size_t n, const double *const *arguments, double *restrict out) {
  double part_1_1[MB_BLOCK] = {0}, part_1_2[MB_BLOCK] = {0}, sums_1[MB_BLOCK] = {0};
  for (size_t i = 0; i < n; i++) {
    const double c = arguments[0][i];
    const double q = arguments[1][i];
    part_1_1[i] = q;
    part_1_2[i] = (1.0 - c) * (1.0 + c);
  }
  mb_tanh_slope_overlap(n, part_1_1, part_1_2, sums_1);
  for (size_t i = 0; i < n; i++) {
    const double sigma_m2 = arguments[2][i];
    const double sum_1 = sums_1[i];
    out[i] = sigma_m2 * sum_1;
  }
}

/** shayer_gradient_overlap at n points; how many of the values are no numbers. */
MB_ARRAYS size_t shayer_gradient_overlap_array(size_t n, const double *const *arguments, const size_t *strides, double *out) {
  static const mb_map map = {4, -1, shayer_gradient_overlap_value, 0, 0};
  return mb_run(&map, n, arguments, strides, out);
}

/**
 * Factor a layer of the overlap of the gradients of two inputs.
 *
 * c: correlation of two inputs, in [-1, 1].
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
MB_EXPORT double shayer_gradient_overlap(double c, double q, double sigma_m2, double sigma_b2) {
  const double *const arguments[] = {&c, &q, &sigma_m2, &sigma_b2};
  const size_t strides[4] = {0};
  double value;
  shayer_gradient_overlap_array(1, arguments, strides, &value);
  return value;
}

#endif
