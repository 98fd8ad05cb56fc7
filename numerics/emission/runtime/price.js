// Slopes and differences of E f(u) f(v) in the correlation (Price 1958, IRE Trans. Inf. Theory 4, 69), which emitted
// JavaScript calls. At one variance the slope is interpolated to rounding, by Chebyshev's polynomials in asinh(fine x),
// x = tan(a / 2) and a the angle whose cosine is the correlation: many correlations then cost little.

/** The curves of slopes by function and by variance and sign, a few of each. */
const CURVES = new Map();
/** How many variances are kept, after how many slopes a curve is made, and what share of its largest value it resolves. */
const CURVES_KEPT = [12, 3, 0.05];
/** Numbers of nodes that may do for a curve, and what they may differ by from the rule that always does. */
const SWIFT = [[28, 40, 60], 1e-14];
/** Coarse values of fine, which do for functions that vary on no small scale, and how many nodes they are tried with. */
const COARSE = [[1.5, 15], 32];

/** f(0+) - f(0-), where a difference of a few ulp counts as 0, and one that grows with the distance from 0. */
function jump_at_zero(f) {
  const [first, second] = [1e-150, 1e-140].map((near) => {
    const [after, before] = [f(near), f(-near)];
    const ulp = Number.EPSILON * Math.max(Math.abs(after), Math.abs(before));
    return Math.abs(after - before) > 8 * ulp ? after - before : 0;
  });
  return Math.abs(second) < 2 * Math.abs(first) ? first : 0;
}

/** Coefficients of the Chebyshev series through n + 1 values at cos(pi k / n). */
function chebyshev_coefficients(values) {
  const n = values.length - 1;
  return values.map((_, j) => {
    let sum = (values[0] + (j % 2 ? -1 : 1) * values[n]) / 2;
    for (let k = 1; k < n; k++) sum += values[k] * Math.cos(Math.PI * ((j * k) % (2 * n)) / n);
    return sum * (j === 0 || j === n ? 1 : 2) / n;
  });
}

/** The sum of a Chebyshev series at x in [-1, 1] (Clenshaw). */
function chebyshev_sum(coefficients, x) {
  let [one, two] = [0, 0];
  for (let k = coefficients.length - 1; k > 0; k--) [one, two] = [coefficients[k] + 2 * x * one - two, one];
  return coefficients[0] + x * one - two;
}

/** The Chebyshev series of a function on [0, end] to rounding, in up to `most` nodes; null where they do not do. */
function chebyshev_series(value, end, most) {
  let values = [end, end / 2, 0].map(value);
  for (let n = 4; n <= most; n *= 2) {
    values = Array.from({ length: n + 1 }, (_, k) => k % 2 ? value(end * (1 + Math.cos(Math.PI * k / n)) / 2) : values[k / 2]);
    const size = Math.max(...values.map(Math.abs));
    if (!Number.isFinite(size)) return null;
    if (n < 16) continue;
    const coefficients = chebyshev_coefficients(values);
    if (coefficients.slice(-Math.ceil(n / 4)).some((each) => Math.abs(each) > 4e-15 * size)) continue;
    const kept = n - [...coefficients].reverse().findIndex((each) => Math.abs(each) > 1e-17 * size);
    return { coefficients: Float64Array.from(coefficients.slice(0, kept + 1)), size };
  }
  return null;
}

/** [nodes, weights] over 0 < x < 9, denser towards 0. */
function swift_rule(count) {
  const [nodes, weights] = gauss_legendre(count);
  return [nodes.map((each) => 9 * ((1 + each) / 2) ** 2), weights.map((each, k) => 9 * each * (1 + nodes[k]) / 2)];
}

/** The curve of value(x, rule) for 0 <= x <= 1: by the fewest nodes that say what the rule that always does (null) says. */
function curve_of(value, fine) {
  const places = [0, 0.02, 1];
  const sure = places.map((x) => value(x, null));
  const size = Math.max(...sure.map(Math.abs));
  const rule = SWIFT[0].map(swift_rule).find((each) => places.every((x, k) => Math.abs(value(x, each) - sure[k]) <= SWIFT[1] * size));
  for (const scale of [...COARSE[0].filter((each) => each < fine), fine]) {
    const end = Math.asinh(scale);
    const found = chebyshev_series((t) => value(Math.sinh(t) / scale, rule ?? null), end, scale < fine ? COARSE[1] : 256);
    if (found !== null) return { ...found, end, fine: scale };
  }
  return null;
}

/** The value of a curve at t. */
function on_curve(curve, t) {
  return chebyshev_sum(curve.coefficients, 2 * Math.min(t / curve.end, 1) - 1);
}

/** What is known of the slopes of a function at a variance and sign of correlations: how often asked, and the curve. */
function known_slopes(key, variance, sign) {
  if (!CURVES.has(key)) CURVES.set(key, new Map());
  const [curves, name] = [CURVES.get(key), sign * variance];
  if (!curves.has(name)) {
    if (curves.size >= CURVES_KEPT[0]) curves.delete(curves.keys().next().value);
    curves.set(name, { asked: 0, curve: undefined });
  }
  return curves.get(name);
}

/** The integral over correlations from 1 - start - length to 1 - start, in [0, 1], of a function analytic in a strip of t. */
function over_angles(start, length, fine, strip, known, value) {
  if (!(length > 0)) return 0;
  if (known.curve === undefined) known.curve = curve_of(value, fine);
  const { curve } = known;
  const surely = () => over_panels(start, length, fine, strip, 0, (t) => value(Math.sinh(t) / fine, null));
  if (!curve) return surely();
  const found = over_panels(start, length, curve.fine, strip, curve.coefficients.length / 2, (t) => on_curve(curve, t));
  return Math.abs(found) > CURVES_KEPT[2] * length * curve.size ? found : surely();
}

/** The same by panels in t of at least so many nodes. */
function over_panels(start, length, fine, strip, least, value) {
  const bottom = fine * Math.sqrt(start / (2 - start));
  const top = fine * Math.sqrt((start + length) / (2 - start - length));
  const squares = 2 * fine * fine * length / ((2 - start) * (2 - start - length)); // top^2 - bottom^2
  const span = Math.asinh(squares / (top * Math.sqrt(1 + bottom * bottom) + bottom * Math.sqrt(1 + top * top)));
  const panels = Math.ceil(span / 3);
  const [half, first] = [span / panels / 2, Math.asinh(bottom)];
  const [nodes, weights] = gauss_legendre(Math.ceil(Math.max(18 / Math.asinh(strip / half), least)) + 2);
  let total = 0;
  for (let panel = 0; panel < panels; panel++) {
    for (let k = 0; k < nodes.length; k++) {
      const t = first + half * (2 * panel + 1 + nodes[k]);
      const grown = Math.exp(t);
      const tangent = t < 0.1 ? Math.sinh(t) / fine : (grown - 1 / grown) / (2 * fine);
      const up = 1 + tangent * tangent;
      total += weights[k] * (grown + 1 / grown) * tangent / (up * up) * value(t);
    }
  }
  return total * 2 * half / fine;
}

/** V E f'(u) f'(sign v) at correlations cos(2 atan(tangent)) >= 0, f' a slope off 0 and a delta of weight jump there. */
function price_integrand(slope, jump, variance, tangent, sign, rule) {
  const sigma = Math.sqrt(variance);
  const sharpness = Math.max(100 * sigma, 10);
  const across = tangent / Math.sqrt(1 + tangent * tangent);
  const sums = rule === null && sharpness * across > 2 ? signs_together : signs_apart;
  const along = Math.sqrt(1 - across * across);
  const value = variance * sums(slope, slope, sigma, along, across, (along - across) * (along + across), sign, rule ?? half_line_rule(sharpness, 4, 10, 1 / 7));
  if (jump === 0) return value;
  const sine = 2 * tangent / (1 + tangent * tangent);
  return value + jump * Math.sqrt(2 * variance / Math.PI) * gaussian_mean(slope, 0, variance * sine * sine);
}

/** The angle between correlations 1 - rest and 1 - rest - drop. */
function angle_between(rest, drop) {
  const end = Math.max(2 - rest - drop, 0);
  return 2 * Math.atan2(drop, Math.sqrt(rest * (2 - rest)) + Math.sqrt(Math.min(rest + drop, 2) * end));
}

/** E f(u) f(v) at correlation 1 - rest less that at 1 - rest - drop, rest in [0, 1], drop in [0, 2 - rest]. */
function gaussian_difference(f, variance, rest, drop, slope) {
  if (variance < 0) throw new RangeError(`gaussian_difference: variance ${variance} is negative; give numbers >= 0`);
  if (rest < 0 || rest > 1 || drop < 0 || rest + drop > 2 + 1e-15) throw new RangeError("gaussian_difference: give rest in [0, 1] and drop in [0, 2 - rest]");
  if (!Number.isFinite(variance + rest + drop)) return NaN;
  if (variance === 0) return 0;
  const [jump, fine, end] = [jump_at_zero(f), Math.max(300 * Math.sqrt(variance), 3), Math.max(2 - rest - drop, 0)];
  const positive = Math.min(drop, 1 - rest);
  return [[1, rest, positive], [-1, end, drop - positive]].reduce((sum, [sign, start, length]) => {
    const value = (tangent, rule) => price_integrand(slope, jump, variance, tangent, sign, rule);
    return sum + over_angles(start, length, fine, Math.PI / 2, known_slopes(f, variance, sign), value);
  }, jump * jump / (2 * Math.PI) * angle_between(rest, drop));
}

/** The derivative of E f(u) f(v) in the correlation at 1 - apart, apart in [0, 2]; where f jumps at 0 infinite at the ends. */
function gaussian_slope(f, variance, apart, slope) {
  if (variance < 0) throw new RangeError(`gaussian_slope: variance ${variance} is negative; give numbers >= 0`);
  if (apart < 0 || apart > 2 + 1e-15) throw new RangeError("gaussian_slope: give distances in [0, 2]");
  if (variance === 0) return 0;
  if (!Number.isFinite(variance + apart)) return NaN;
  const [jump, sign, fine] = [jump_at_zero(f), apart <= 1 ? 1 : -1, Math.max(300 * Math.sqrt(variance), 3)];
  const near = sign > 0 ? apart : Math.max(2 - apart, 0);
  const [known, tangent] = [known_slopes(f, variance, sign), Math.sqrt(near / (2 - near))];
  const value = (x, rule) => price_integrand(slope, jump, variance, x, sign, rule);
  known.asked += 1;
  if (known.curve === undefined && known.asked > CURVES_KEPT[1]) known.curve = curve_of(value, fine);
  const quick = known.curve ? on_curve(known.curve, Math.asinh(known.curve.fine * tangent)) : 0;
  const part = Math.abs(quick) > CURVES_KEPT[2] * (known.curve?.size ?? 0) ? quick : value(tangent, null);
  return jump === 0 ? part : part + jump * jump / (2 * Math.PI * Math.sqrt(near * (2 - near)));
}
