// moment-matching: derived, not written. Hernandez-Lobato & Adams 2015, arXiv 1502.05336.
// Weights binary; neurons relu; treatment marginalise; form exact.

/** 1 where |u| < 1, else 0. */
function box(u) {
  return Math.abs(u) < 1 ? 1 : 0;
}

/** value, but zero() where q is 0 and infinity() where q is infinite. */
function at_extremes(value, q, zero, infinity) {
  if (q === 0) return zero();
  return q === Infinity ? infinity() : value;
}

/** part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite. */
function portion(part, rest) {
  return rest === 0 ? 1 : 1 / (1 + rest / part);
}

/** share * value, 0 where share is 0, even if value is infinite. */
function scaled(share, value) {
  return share === 0 ? 0 : share * value;
}

/** (sin t - t cos t) / (2 pi), cos t = 1 - delta, delta in [0, 2]; by its series where the difference cancels. */
function arc_cosine_kernel(delta) {
  const t = 2 * Math.asin(Math.sqrt(delta / 2));
  if (!(t < 1)) return (Math.sin(t) - t * Math.cos(t)) / (2 * Math.PI);
  let series = 0;
  let term = t * t * t;
  for (let k = 0; k < 10; k++) {
    series += term / (2 * k + 3);
    term *= -t * t / ((2 * k + 2) * (2 * k + 3));
  }
  return series / (2 * Math.PI);
}

/** The kernel E relu(x) relu(y) at correlation 1 - rest less that at 1 - rest - drop. */
function arc_cosine_difference(rest, drop) {
  const outer = rest + drop;
  const half = Math.atan2(drop, Math.sqrt(rest * (2 - rest)) + Math.sqrt(outer * (2 - outer)));
  const mid = 2 * Math.asin(Math.sqrt(rest / 2)) + half;
  const sine = Math.sin(half / 2);
  const between = (Math.PI - mid) * Math.sin(mid) * Math.sin(half) / Math.PI;
  return between - 2 * Math.cos(mid) * arc_cosine_kernel(2 * sine * sine);
}

/** Beyond it erfcx is summed by its continued fraction. */
const FAR = 1.5;

/** Taylor coefficients of erf around multiples of 1/8, each once it is needed. */
const ERF_SERIES = [];

/** erf(x), by its series around the nearest multiple of 1/8; from 1 on by that of 1 - erf(x), so that it is rounded once. */
function erf(x) {
  const size = Math.abs(x);
  if (!(size < 6)) return Number.isNaN(x) ? NaN : Math.sign(x);
  const near = Math.round(8 * size);
  const terms = ERF_SERIES[near] ?? (ERF_SERIES[near] = erf_terms(near / 8));
  const d = size - near / 8;
  let sum = terms[13];
  for (let k = 12; k >= 0; k--) sum = sum * d + terms[k];
  if (near >= 8) sum = 1 - sum;
  return x < 0 ? -sum : sum;
}

/** The Taylor coefficients around x >= 0, as far as 1/16 off they count: of erf, and from 1 on of 1 - erf. */
function erf_terms(x) {
  const terms = new Float64Array(14);
  terms[0] = x < 1 ? erf_slowly(x) : erfcx(x) * gaussian(x);
  let [before, slope] = [0, (x < 1 ? 2 : -2) / Math.sqrt(Math.PI) * gaussian(x)];
  for (let n = 0; n < 13; n++) {
    terms[n + 1] = slope / (n + 1);
    [before, slope] = [slope, -2 * (x * slope + before) / (n + 1)];
  }
  return terms;
}

/** erf(x), x >= 0, by its series of positive terms (Abramowitz and Stegun 1964, 7.1.6), or from erfc. */
function erf_slowly(x) {
  if (x > FAR) return 1 - erfcx(x) * gaussian(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Number.EPSILON / 8 * Math.abs(sum); n++) {
    term *= 2 * x * x / (2 * n + 1);
    sum += term;
  }
  return 2 / Math.sqrt(Math.PI) * gaussian(x) * sum;
}

/** exp(-x^2), the square taken in two parts so that large ones keep their digits. */
function gaussian(x) {
  const part = Math.round(x * 1048576) / 1048576;
  return Math.abs(x) > 40 ? 0 : Math.exp(-part * part) * Math.exp(-(x - part) * (x + part));
}

/** exp(x^2) erfc(x), x >= 0: the continued fraction of Laplace (Abramowitz and Stegun 1964, 7.1.14), by Lentz. */
function erfcx(x) {
  if (x === Infinity) return 0;
  if (!(x > FAR)) return Math.exp(x * x) * (1 - erf_slowly(x));
  let c = x;
  let value = x;
  let d = 0;
  for (let n = 1; n < 500; n++) {
    d = 1 / (x + n / 2 * d);
    c = x + n / 2 / c;
    value *= c * d;
    if (Math.abs(c * d - 1) < Number.EPSILON / 2) break;
  }
  return 1 / (value * Math.sqrt(Math.PI));
}

/** The nodes on (-1, 1) and weights by number of nodes, each once it is needed. */
const LEGENDRE = new Map();

/** [nodes, weights] of Gauss and Legendre on (-1, 1), n of them: Newton's method on the polynomial. */
function gauss_legendre(n) {
  if (LEGENDRE.has(n)) return LEGENDRE.get(n);
  const [nodes, weights] = [new Float64Array(n), new Float64Array(n)];
  for (let k = 0; 2 * k < n; k++) {
    let x = 2 * k + 1 === n ? 0 : Math.cos(Math.PI * (k + 0.75) / (n + 0.5));
    let rate = 0;
    for (let count = 0; count < 8; count++) {
      const [value, before] = legendre_values(n, x);
      rate = n * (x * value - before) / (x * x - 1);
      const step = value / rate;
      x -= step;
      if (Math.abs(step) < 1e-16) break;
    }
    nodes[k] = -x;
    nodes[n - 1 - k] = x;
    weights[k] = weights[n - 1 - k] = 2 / ((1 - x) * (1 + x) * rate * rate);
  }
  LEGENDRE.set(n, [nodes, weights]);
  return [nodes, weights];
}

/** The Legendre polynomials of degree n and n - 1 at x. */
function legendre_values(n, x) {
  let [before, value] = [1, x];
  for (let k = 2; k <= n; k++) [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
  return n === 1 ? [x, 1] : [value, before];
}

/** The number between low and high that is nearest to value. */
function within(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** rho, where a magnitude of 1 plus at most 1e-15, a ratio's rounding, counts as 1. */
function correlation(rho) {
  if (Math.abs(rho) > 1 + 1e-15) throw new RangeError(`correlation ${rho}; give numbers in [-1, 1]`);
  return Math.min(Math.max(rho, -1), 1);
}

/** value in [0, largest], where 2e-15 beyond an end is rounding and counts as the end. */
function distance(value, largest) {
  if (Math.abs(value - largest / 2) > largest / 2 + 2e-15) throw new RangeError(`distance ${value}; give numbers in [0, ${largest}]`);
  return Math.min(Math.max(value, 0), largest);
}

/** What follows from a shape, by its numbers, once it is needed. */
const SHAPES = new Map();

/** A shape with what follows from it. */
function shape_facts(shape) {
  const key = shape.join("|");
  if (!SHAPES.has(key)) {
    const [places, jumps, bends, line] = shape;
    const facts = { places, jumps, bends, line, pairs: new Map() };
    facts.jumping = jumps.some((each) => each !== 0);
    facts.bending = bends.some((each) => each !== 0);
    facts.slanted = facts.bending || line[1] !== 0;
    facts.parity = shape_parity(facts);
    facts.middle = middle_value(facts);
    facts.widest = Math.max(0, ...places.map(Math.abs));
    facts.finest = Math.min(facts.widest, ...places.slice(1).map((t, i) => t - places[i]));
    facts.intervals = mirrored_lines(facts);
    facts.unit = facts.widest || 1;
    facts.nearest = Math.min(...places.map(Math.abs));
    facts.straight = places.length && line_at(facts, 0, 0)[1] !== 0 ? (facts.nearest / 8) ** 2 : 0;
    facts.reach = 256 * facts.finest ** 2 * (facts.finest / facts.unit) ** 2;
    facts.far = far_line(facts);
    facts.box = is_box(facts);
    facts.closed = (facts.box ? 32 : 16) * facts.finest ** 2;
    facts.moments = [0, 1, 2].map((order) => compact_moments(facts, order));
    facts.graded = facts.moments.map((rows) => rows.map((row, k) => row.map((each, n) => (n + 2 * k) * each)));
    facts.derivative = [places, bends, places.map(() => 0), [line[1], 0]];
    SHAPES.set(key, facts);
  }
  return SHAPES.get(key);
}

/** Value and slope of f on that side of a point; on average where side is 0. */
function line_at(facts, point, side) {
  let [value, slope] = [facts.line[0] + facts.line[1] * point, facts.line[1]];
  facts.places.forEach((t, i) => {
    const passed = t === point ? (1 + side) / 2 : Number(t < point);
    value += passed * (facts.jumps[i] + facts.bends[i] * (point - t));
    slope += passed * facts.bends[i];
  });
  return [value, slope];
}

/** With POWERS and TERMS they leave 2^-53 of sums over breaks within sqrt(1/2) conditional deviations. */
const MOMENTS = 26;

/** Of y. */
const POWERS = 14;

/** Of the products of moments. */
const TERMS = 17;

/** The sum of terms, 0 where that is rounding. */
function total_of(terms) {
  const [sum, size] = terms.reduce(([a, b], each) => [a + each, b + Math.abs(each)], [0, 0]);
  return Math.abs(sum) > 1e-15 * size ? sum : 0;
}

/** f far out: p + q u + s sign(u) + d |u|, u in units of the widest break. */
function far_line({ places, jumps, bends, line: [level, slope], unit }) {
  const right = total_of([level, ...jumps, ...bends.map((k, i) => -k * places[i])]);
  const steep = unit * total_of([slope, ...bends]);
  const pairs = [[right, level], [steep, unit * slope], [right, -level], [steep, -unit * slope]];
  return pairs.map((pair) => total_of(pair) / 2);
}

/** Whether f is steps up and down of one sign of area: 0 far out, of which sums over jumps lose few digits. */
function is_box({ places, jumps, slanted, far }) {
  if (slanted || far.some((each) => each !== 0)) return false;
  const [sum, size] = places.reduce(([a, b], t, i) => [a + jumps[i] * t, b + Math.abs(jumps[i] * t)], [0, 0]);
  return Math.abs(sum) > size / 2;
}

/** n!, n up to 170. */
function factorial(n) {
  return n < 2 ? 1 : n * factorial(n - 1);
}

/**
 * Of the derivative of f of that order, but for its line far out: what stands before powers of y in the integrals of its
 * product with exp(-y t^2) t^n, t in units of the widest break; for each power an array over n.
 */
function compact_moments({ places, jumps, bends, unit }, order) {
  const sums = Array.from({ length: MOMENTS + 2 * POWERS - 1 }, (_, i) => {
    const n = i + 2 - order;
    const kinks = places.map((t, j) => bends[j] * unit * (t / unit) ** n);
    const steps = places.map((t, j) => n && jumps[j] ? -n * jumps[j] * (t / unit) ** (n - 1) : 0);
    return total_of([...kinks, ...steps]) * [1 / (n * (n - 1)), -1 / n, 1][order];
  });
  return Array.from({ length: POWERS }, (_, k) => (
    Array.from({ length: MOMENTS + 1 }, (_, n) => (-1) ** k / factorial(k) * sums[n + 2 * k])));
}

/** [start, end, line of f(u), line of f(-u)] of the intervals of |u| between breaks, the lines at the start of each. */
function mirrored_lines(facts) {
  const starts = [...new Set([0, ...facts.places.map(Math.abs)])].sort((a, b) => a - b);
  return starts.map((start, i) => {
    const [value, slope] = line_at(facts, start === 0 ? 0 : -start, -1);
    return [start, starts[i + 1] ?? Infinity, line_at(facts, start, 1), [value, -slope]];
  });
}

/** 1 if f is even, -1 if f less a constant is odd, else 0. */
function shape_parity({ places, jumps, bends, line }) {
  const last = places.length - 1;
  if (places.some((t, i) => t !== -places[last - i])) return 0;
  if (jumps.every((each, i) => each === jumps[last - i]) && bends.every((each, i) => each === -bends[last - i])) return -1;
  const even = jumps.every((each, i) => each === -jumps[last - i]) && bends.every((each, i) => each === bends[last - i]);
  const [sum, size] = bends.reduce(([a, b], each) => [a + each, b + Math.abs(each)], [0, 0]);
  return even && Math.abs(2 * line[1] + sum) <= 1e-15 * size ? 1 : 0;
}

/** The mean of f on both sides of 0, exactly 0 where that is rounding. */
function middle_value(facts) {
  const value = line_at(facts, 0, 0)[0];
  const size = facts.places.reduce((sum, t, i) => sum + Math.abs(facts.jumps[i]) + Math.abs(facts.bends[i] * t), Math.abs(facts.line[0]));
  return Math.abs(value) <= 1e-15 * size ? 0 : value;
}

/**
 * Of the pairs (t_i, side t_j), distinct, or those of D = 0: [S, D, four weights]. S and D are an eighth of the squares
 * of t_i + side t_j and t_i - side t_j; the weights stand before exp(-E) / (1 + x^2) for jumps, V exp(-E) / (1 + x^2),
 * exp(-E) and exp(-E) / x^2 for bends.
 */
function threshold_pairs(facts, side, alone) {
  const name = `${side},${alone}`;
  if (facts.pairs.has(name)) return facts.pairs.get(name);
  const [merged, known] = [new Map(), new Map()];
  const eighth = (each) => {
    const text = (each * each).toExponential(12);
    if (!known.has(text)) known.set(text, each * each / 8);
    return known.get(text);
  };
  facts.places.forEach((s, i) => facts.places.forEach((t, j) => {
    const [total, apart] = [s + side * t, s - side * t];
    const [square, distance] = [eighth(total), eighth(apart)];
    const [mixed, turned] = [facts.jumps[i] * facts.bends[j], side * facts.bends[i] * facts.jumps[j]];
    const key = `${square},${distance}`;
    const old = merged.get(key) ?? [square, distance, 0, 0, 0, 0];
    const added = [0, 0, facts.jumps[i] * facts.jumps[j], facts.bends[i] * facts.bends[j], (mixed + turned) * total / 4, (mixed - turned) * apart / 4];
    merged.set(key, old.map((each, k) => each + added[k]));
  }));
  const found = [...merged.values()].filter((pair) => pair.slice(2).some((each) => each !== 0) && (pair[1] === 0 || !alone));
  facts.pairs.set(name, found);
  return found;
}

/** Where exp(-s (1 + y) - d (1 + 1 / y)) counts beside the largest of the pairs, low <= y <= high: [near, begin, far]. */
function active_range(pairs, v, low, high) {
  const scaled = pairs.map(([s, d]) => [Math.min(s / v, 1e300), Math.min(d / v, 1e300)]);
  let least = Infinity;
  for (const [s, d] of scaled) {
    const best = within(d === 0 ? 0 : Math.sqrt(d) / Math.sqrt(s), low, high);
    least = Math.min(least, s * (1 + best) + (d === 0 ? 0 : d + d / best));
  }
  let [near, begin, far] = [0, Infinity, 0];
  for (const [s, d] of scaled) {
    const room = least + 42 - s - d;
    const root = room * (1 + Math.sqrt(1 - 4 * (s / room) * (d / room)));
    if (!(room >= 0) || Number.isNaN(root) || !Number.isFinite(least)) continue;
    const upper = s === 0 ? Infinity : root / (2 * s);
    if (d === 0) near = Math.max(near, upper);
    else [begin, far] = [Math.min(begin, 2 * d / root), Math.max(far, upper)];
  }
  return [near, begin, far];
}

/** Calls term(x, weight, alone) at the nodes over low < x < low + width: linear where pairs of D = 0 count alone, then logarithmic. */
function over_correlations(facts, side, v, low, width, term) {
  const [near, begin, far] = active_range(threshold_pairs(facts, side, false), v, low * low, (low + width) ** 2).map(Math.sqrt);
  const inside = begin < low + width || (begin <= low && width > 0);
  const start = Math.max(low, begin);
  const [nodes, weights] = gauss_legendre(16);
  const alone = within(Math.min(inside ? start : Infinity, near) - low, 0, width);
  for (let k = 0; alone > 0 && k < 32; k++) {
    const t = (Math.floor(k / 16) + (nodes[k % 16] + 1) / 2) / 2;
    term(low + alone * t, alone * weights[k % 16] / 4, true);
  }
  const first = inside ? start : 1;
  const left = inside ? (first > low ? low + width - first : width) : 0;
  const length = Math.log1p(within(Math.max(near, far) - first, 0, left) / first);
  const panels = length > 0 ? Math.max(Math.ceil(length / 1.5), 2) : 0;
  for (let k = 0; k < 16 * panels; k++) {
    const t = (Math.floor(k / 16) + (nodes[k % 16] + 1) / 2) / panels;
    const x = first * Math.exp(length * t);
    term(x, x * (length * weights[k % 16] / (2 * panels)), false);
  }
}

/** Over low < x < low + width: of the jumps; of the bends, and times the distance in s from either end. */
function correlation_integrals(facts, side, v, low, width) {
  const total = [0, 0, 0, 0];
  if (!facts.jumping && !facts.bending) return total;
  const high = low + width;
  over_correlations(facts, side, v, low, width, (x, w, alone) => {
    const up = 1 + x * x;
    if (facts.jumping) total[0] += jump_sum(threshold_pairs(facts, side, alone), v, x) * w / up;
    if (facts.bending) {
      const density = w * bend_sum(threshold_pairs(facts, side, alone), v, x);
      total[1] += density;
      total[2] += density * Math.abs(x - low) * (x + low) / up * 2 / (1 + low * low);
      total[3] += density * Math.abs(x - high) * (x + high) / up * 2 / (1 + high * high);
    }
  });
  return total.map((each) => each / Math.PI);
}

/** The exponent E of a pair at x; at most 1e300 from either part, and 0 from one of weight 0. */
function pair_exponent(s, d, v, x) {
  const down = 1 / (x * Math.sqrt(v));
  return (s ? Math.min(s * ((1 + x * x) / v), 1e300) : 0) + (d ? Math.min(d * (1 / v + down * down), 1e300) : 0);
}

/** The sum over pairs of J_i J_j exp(-E). */
function jump_sum(pairs, v, x) {
  let total = 0;
  for (const [s, d, weight] of pairs) if (weight) total += weight * Math.exp(-pair_exponent(s, d, v, x));
  return total;
}

/** The sum over pairs of exp(-E) (V k / (1 + x^2) + p + m / x^2); where the k add up to 0, by differences of exponents. */
function bend_sum(pairs, v, x) {
  let [least, whole, size] = [Infinity, 0, 0];
  const exponents = pairs.map(([s, d]) => pair_exponent(s, d, v, x));
  pairs.forEach(([, , , k], i) => {
    least = Math.min(least, exponents[i]);
    whole += k;
    size += Math.abs(k);
  });
  let [bent, mixed] = [Math.abs(whole) > 1e-15 * size ? whole : 0, 0];
  pairs.forEach(([, , , k, p, m], i) => {
    const excess = Math.expm1(least - exponents[i]);
    bent += k * excess;
    mixed += (1 + excess) * p + (excess > -1 ? (1 + excess) * (m / (x * x)) : 0);
  });
  return (v * bent / (1 + x * x) + mixed) * Math.exp(-least);
}

/** The distance from correlations 1 and -1 from which series serve; 1 where none do. */
function wide_from(facts, v) {
  const square = 2 * (facts.widest / Math.sqrt(v)) ** 2;
  return square > 0 && square < 1 ? square / (1 + Math.sqrt(1 - square)) : 1;
}

/** Whether series serve that begin there. */
function from_there(begin, near) {
  return begin < 1 && near >= begin;
}

/** h of the derivative of f of that order, without delta functions. */
function far_part({ far: [p, q, s, d] }, order) {
  return [[p, q, s, d], [q, 0, d, 0], [0, 0, 0, 0]][order];
}

/** Polynomials of y: for each n of a row. */
function power_sums(table, y) {
  return table[0].map((_, n) => table.reduceRight((total, row) => total * y + row[n], 0));
}

/** What is squared in the terms of V^order E F(u) F(v) for h = 0. */
function pair_roots(moments, order, unit, r, near) {
  const w = Math.sqrt(near * (2 - near));
  const at = power_sums(moments, (unit / w) ** 2 / 2);
  let factor = unit ** (1 - order) / Math.sqrt(2 * Math.PI * w);
  return Array.from({ length: TERMS }, (_, n) => {
    const part = factor * at[n];
    factor *= Math.sqrt(Math.abs(r)) * unit / w / Math.sqrt(n + 1);
    return part;
  });
}

/** E h(u) g(v) for h = 1, u, sign(u) and |u|, u in units of the widest break. */
function far_products(moments, unit, r, near) {
  const w = Math.sqrt(near * (2 - near));
  const y = (unit / w) ** 2 / 2;
  const [at, [level, line]] = [power_sums(moments, y), power_sums(moments, unit * unit / 2)];
  const density = unit / Math.sqrt(2 * Math.PI);
  let [sign, bent, factor] = [0, 0, unit * unit * r / (Math.PI * w)];
  for (let n = 0; 2 * n + 2 <= MOMENTS; n++) {
    sign += factor * at[2 * n + 1];
    bent += factor * at[2 * n + 2];
    factor *= 2 * r * r * y / (2 * n + 3);
  }
  return [density * level, density * r * line, sign, r * bent + w / Math.PI * at[0]];
}

/** V^order E F(u) F(v) but for E h(u) h(v), F the derivative of f of that order. */
function compact_sum(facts, order, v, r, near) {
  const [unit, [p, q, s, d], moments] = [facts.unit / Math.sqrt(v), far_part(facts, order), facts.moments[order]];
  const roots = pair_roots(moments, order, unit, r, near);
  const total = roots.reduce((sum, part, n) => sum + Math.sign(r) ** n * part ** 2, 0);
  if (![p, q, s, d].some((each) => each !== 0)) return total;
  const [level, line, sign, size] = far_products(moments, unit, r, near);
  return total + 2 * (p * level + q * line + s * sign + d * size) * unit ** (-2 * order);
}

/** arcsin(size), size = 1 - near >= 0. */
function arcsine(near, size) {
  return size < 0.5 ? Math.asin(size) : Math.PI / 2 - 2 * Math.atan(Math.sqrt(near / (2 - near)));
}

/** Of middle + half sign(u): of positive parts where there are such. */
function step_overlap(middle, half, side, near, size) {
  const [left, right, sharp] = [middle - half, middle + half, Math.atan(Math.sqrt(near / (2 - near))) / Math.PI];
  if (side === 1 || left * right < 0) return middle * middle + side * half * half * (2 / Math.PI) * arcsine(near, size);
  return (left * left + right * right) * sharp + left * right * (1 - 2 * sharp);
}

/** Of slope u + bend |u| at variance 1. */
function bent_overlap(slope, bend, side, near, size) {
  const [left, right, w] = [slope - bend, slope + bend, Math.sqrt(near * (2 - near))];
  if (side === 1 || left * right > 0) {
    return side * slope * slope * size + bend * bend * (2 / Math.PI) * (w + size * arcsine(near, size));
  }
  const sharp = 2 * Math.atan(Math.sqrt(near / (2 - near)));
  const open = w + (Math.PI - sharp) * size;
  return ((left * left + right * right) * sine_less(sharp) - 2 * left * right * open) / (2 * Math.PI);
}

/** sin x - x cos x, 0 <= x <= pi / 2, by its series. */
function sine_less(x) {
  let total = 0;
  for (let k = 12; k > 0; k--) total = 2 * k / factorial(2 * k + 1) - x * x * total;
  return x ** 3 * total;
}

/** Twice that of p + s sign(u) with q u + d |u| at variance 1. */
function mixed_overlap([p, q, s, d], side, near, size) {
  if (side === 1 || p * d * (s * q) <= 0) return (p * d + side * size * (s * q)) * Math.sqrt(8 / Math.PI);
  return ((p * d + s * q) * near + (p * d - s * q) * (2 - near)) * Math.sqrt(2 / Math.PI);
}

/** E h(u) h(v), and V times its slope in V. */
function far_overlap(facts, side, v, near, size) {
  const [p, q, s, d] = facts.far;
  const scale = Math.sqrt(v) / facts.unit;
  const mixed = scale * mixed_overlap(facts.far, side, near, size);
  const bent = scale * (scale * bent_overlap(q, d, side, near, size));
  return [step_overlap(p, s, side, near, size) + mixed + bent, mixed / 2 + bent];
}

/** C. */
function wide_overlap(facts, side, v, near, size) {
  return far_overlap(facts, side, v, near, size)[0] + compact_sum(facts, 0, v, side * size, near);
}

/** V E h'(u) h'(v), without delta functions. */
function steep_overlap(facts, side, v, near, size) {
  const scale = Math.sqrt(v) / facts.unit;
  return scale * (scale * step_overlap(facts.far[1], facts.far[3], side, near, size));
}

/** dC/ds. */
function wide_slope(facts, side, v, near, size) {
  return steep_overlap(facts, side, v, near, size) + compact_sum(facts, 1, v, side * size, near);
}

/** A variance, where 0 counts as the limit. */
function checked_variance(v) {
  if (v < 0) throw new RangeError(`piecewise linear functions: variance ${v} is negative; give numbers >= 0`);
  return within(v, 1e-306, 1e306);
}

/** Integrals of (z - start)^k over 0 <= start < z < end with the standard normal density, k < count. */
function interval_moments(start, end, count) {
  const width = Math.min(end - start, 84 / (start + Math.sqrt(start * start + 84)));
  const height = Math.exp(-start * start / 2) / Math.sqrt(2 * Math.PI);
  const [nodes, weights] = gauss_legendre(16);
  const moments = new Array(count).fill(0);
  for (let i = 0; i < 32; i++) {
    const z = width * (Math.floor(i / 16) + (nodes[i % 16] + 1) / 2) / 2;
    let term = width * weights[i % 16] / 4 * Math.exp(-z * (start + z / 2)) * height;
    for (let k = 0; k < count; k++, term *= z) moments[k] += term;
  }
  return moments;
}

/** E f(u). */
function piecewise_average(facts, v) {
  if (facts.parity === -1) return facts.middle;
  const sigma = Math.sqrt(v);
  return facts.intervals.reduce((total, [start, end, [value, slope], [other, fall]]) => {
    const m = interval_moments(start / sigma, end / sigma, 2);
    return total + (value + other) * m[0] + sigma * (slope + fall) * m[1];
  }, 0);
}

/** E f(u) f(-u): C at correlation -1. */
function opposite_overlap(facts, v) {
  const sigma = Math.sqrt(v);
  return facts.intervals.reduce((total, [start, end, [value, slope], [other, fall]]) => {
    const m = interval_moments(start / sigma, end / sigma, 3);
    return total + 2 * (value * other * m[0] + sigma * (value * fall + slope * other) * m[1] + v * slope * fall * m[2]);
  }, 0);
}

/** The part of C' without a product of jumps, at correlation 0 (side 1) or -1 (side -1). */
function bend_slope(facts, side, v) {
  const sigma = Math.sqrt(v);
  let [total, mean] = [0, 0];
  for (const [start, end, [, slope], [, fall]] of facts.intervals) {
    const [m] = interval_moments(start / sigma, end / sigma, 1);
    mean += (slope - fall) * m;
    total -= 2 * v * slope * fall * m;
  }
  if (side === 1) total = v * mean * mean;
  facts.places.forEach((t, i) => {
    const density = sigma * Math.exp(-((t / sigma) ** 2) / 2) / Math.sqrt(2 * Math.PI);
    total += 2 * facts.jumps[i] * density * (side === 1 ? mean : line_at(facts, t === 0 ? 0 : -t, 0)[1]);
  });
  return total;
}

/** sqrt((1 - s) / (1 + s)) at s = 1 - distance. */
function near_end(far) {
  return Math.sqrt(far / (2 - far));
}

/** The distance from correlation -1 within which bends may give C' a peak. */
function slope_peak(facts, v) {
  const square = facts.widest ** 2 / v;
  return square === Infinity ? 2 : 2 * square / (1 + square);
}

/** The part of C' without a product of jumps, at correlation 1 - near (side 1) or near - 1 (side -1), near <= 1. */
function smooth_slope(facts, side, v, near) {
  if (!facts.slanted) return 0;
  if (side === -1 && facts.parity !== 0) return -facts.parity * smooth_slope(facts, 1, v, near);
  const [begin, x] = [Math.max(wide_from(facts, v), near), near_end(near)];
  const rest = 2 * (begin - near) / ((2 - near) * (2 - begin) * (near_end(begin) + x));
  const change = correlation_integrals(facts, side, v, x, rest)[1];
  const value = inner_slope(facts, side, v, begin) + side * change;
  if (side === 1 || !(change > value || near < slope_peak(facts, v))) return value;
  return bend_slope(facts, -1, v) + correlation_integrals(facts, -1, v, 0, x)[1];
}

/** `smooth_slope` where series end, or at correlation 0. */
function inner_slope(facts, side, v, begin) {
  if (begin === 1) return bend_slope(facts, 1, v);
  const x = near_end(begin);
  const jumps = jump_sum(threshold_pairs(facts, side, false), v, x) * (1 + x * x) / (4 * Math.PI * x);
  return wide_slope(facts, side, v, begin, 1 - begin) - jumps;
}

/** `overlap_rise` where series do not serve. */
function end_rise(facts, side, v, near, fall) {
  if (side === -1 && facts.parity !== 0) return -facts.parity * end_rise(facts, 1, v, near, fall);
  if (side === 1 || !facts.bending) return rise_by_parts(facts, side, v, near, fall);
  const first = within(slope_peak(facts, v), near, Math.min(near + fall, 1)) - near;
  return rise_by_parts(facts, -1, v, near, first) + rise_by_parts(facts, -1, v, near + first, fall - first);
}

/** C at correlation side size, size = 1 - near: by series, or from where they end. */
function overlap_at(facts, side, v, near, size) {
  const turned = facts.parity === -1 && facts.middle !== 0 ? 0 : facts.parity;
  if (side === -1 && turned !== 0) return turned * overlap_at(facts, 1, v, near, size);
  const begin = wide_from(facts, v);
  if (from_there(begin, near)) return wide_overlap(facts, side, v, near, size);
  const inner = begin < 1 ? wide_overlap(facts, side, v, begin, 1 - begin) : piecewise_average(facts, v) ** 2;
  const fall = begin < 1 ? begin - near : size;
  if (side === 1) return inner + end_rise(facts, 1, v, near, fall);
  const end = opposite_overlap(facts, v);
  if (inner < Math.abs(end)) return inner - end_rise(facts, -1, v, near, fall);
  return end + end_rise(facts, -1, v, 0, near);
}

/** The integral of C', its smooth part by parts from the end where that is smaller. */
function rise_by_parts(facts, side, v, near, fall) {
  const far = Math.min(near + fall, 1);
  const [low, high] = [near_end(near), near_end(far)];
  const width = fall > 0 ? 2 * fall / ((2 - near) * (2 - far) * (low + high)) : 0;
  const [jumps, change, from_low, from_high] = correlation_integrals(facts, side, v, low, width);
  if (!facts.slanted) return jumps;
  const at_far = (change >= 0) === (side === 1);
  return jumps + fall * smooth_slope(facts, side, v, at_far ? far : near) + side * (at_far ? from_low : -from_high);
}

/** C at variance >= 0 and |correlation| <= 1. */
function piecewise_overlap(shape, variance, rho) {
  const [facts, v, r] = [shape_facts(shape), checked_variance(variance), correlation(rho)];
  if (Number.isNaN(v + r)) return NaN;
  return overlap_at(facts, r < 0 ? -1 : 1, v, 1 - Math.abs(r), Math.abs(r));
}

/** The rules of `half_line_rule` by their arguments, each once it is needed. */
const HALF_LINES = new Map();

/** [nodes, weights] over x > 0: logarithmic below bend, doubly exponential below 1 / sharpness (Takahasi and Mori 1974). */
function half_line_rule(sharpness, bend, reach, step) {
  const decade = Math.ceil(Math.log10(Math.max(sharpness, 10)));
  const key = `${decade},${bend},${reach},${step}`;
  if (!HALF_LINES.has(key)) {
    const [onset, nodes, weights] = [-Math.log(bend * 10 ** decade), [], []];
    for (let k = Math.floor((onset - 2.7) / step); k <= Math.ceil(Math.log(Math.expm1(reach / bend)) / step); k++) {
      const left = Math.exp(1.5 * (onset - step * k));
      const t = step * k - left / 1.5;
      nodes.push(bend * Math.log1p(Math.exp(t)));
      weights.push(bend * step / (1 + Math.exp(-t)) * (1 + left));
    }
    HALF_LINES.set(key, [Float64Array.from(nodes), Float64Array.from(weights)]);
  }
  return HALF_LINES.get(key);
}

/** f(u), or where its factors overflow to no number what f has settled to: 0, or a constant. */
function settled(f, u) {
  const value = f(u);
  if (!Number.isNaN(value) || Number.isNaN(u)) return value;
  for (let power = 20; power >= -40; power--) {
    const at = Math.sign(u) * 2 ** power;
    if (!(2 ** power < Math.abs(u)) || Number.isNaN(f(at))) continue;
    const [now, half] = [f(at), f(at / 2)];
    return Math.abs(now) < 1e-100 || Math.abs(now - half) <= 8 * Number.EPSILON * Math.abs(now) ? now : NaN;
  }
  return NaN;
}

/** f at the numbers u, into out; f.all, which emitted functions have, calls f without a number on the heap for each. */
function fill(f, u, out) {
  if (f.all) f.all(u, out);
  else for (let k = 0; k < u.length; k++) out[k] = f(u[k]);
  for (let k = 0; k < u.length; k++) if (out[k] !== out[k]) out[k] = settled(f, u[k]);
}

/** [mean, variance, E f] of the expectation that was last asked for, by function: along a curve they stay the same. */
const LAST_MEANS = new Map();

/** E f(u) for u ~ N(mean, variance), variance >= 0. */
function gaussian_mean(f, mean, variance) {
  const last = LAST_MEANS.get(f);
  if (last && last[0] === mean && last[1] === variance) return last[2];
  const value = mean_sum(f, mean, variance);
  LAST_MEANS.set(f, [mean, variance, value]);
  return value;
}

/** The sum that it is. */
function mean_sum(f, mean, variance) {
  if (variance < 0) throw new RangeError(`gaussian_mean: variance ${variance} is negative; give numbers >= 0`);
  if (!Number.isFinite(mean + variance)) return NaN;
  const sigma = Math.sqrt(variance);
  const centre = Math.abs(mean) < 40 * sigma ? 0 : mean;
  const d = sigma > 0 ? Math.abs((mean - centre) / sigma) : 0;
  const step = mean < 0 ? -sigma : sigma;
  const [nodes, weights] = half_line_rule(100 * sigma, 2, mean ? 50 : 10, 1 / 6);
  const [near, far] = [new Float64Array(nodes.length), new Float64Array(nodes.length)];
  fill(f, nodes.map((x) => centre + step * x), near);
  fill(f, nodes.map((x) => centre - step * x), far);
  let sum = 0;
  for (let i = 0; i < nodes.length; i++) {
    const x = nodes[i];
    const excess = -Math.expm1(-2 * d * x) * Math.exp(-((x - d) ** 2) / 2);
    sum += ((near[i] + far[i]) * Math.exp(-((x + d) ** 2) / 2) + near[i] * excess) * weights[i];
  }
  return sum / Math.sqrt(2 * Math.PI);
}

function integrand_1(u) {
  return (1 + erf(u)) * Math.pow(u + 0.5641895835477563 * Math.exp(-u * u) + u * erf(u), 2);
}

integrand_1.all = (u, out) => {
  for (let k = 0; k < u.length; k++) out[k] = integrand_1(u[k]);
};

function integrand_2(u) {
  return Math.pow(1 + erf(u), 2) * Math.pow(u + 0.5641895835477563 * Math.exp(-u * u) + u * erf(u), 2);
}

integrand_2.all = (u, out) => {
  for (let k = 0; k < u.length; k++) out[k] = integrand_2(u[k]);
};

/**
 * Mean of a neuron, E x.
 *
 * hbar: mean of the field, any real.
 * Sigma: variance of the field, >= 0.
 */
function mean(hbar, Sigma) {
  const x0 = hbar / 2;
  const x1 = 1.4142135623730951;
  const x2 = Math.sqrt(Sigma);
  return x0 + x0 * erf(x0 * x1 / x2) + 0.28209479177387814 * x1 * x2 * Math.exp(-hbar * hbar / (2 * Sigma));
}

/**
 * Second moment, E x^2.
 *
 * hbar: mean of the field, any real.
 * Sigma: variance of the field, >= 0.
 */
function second_moment(hbar, Sigma) {
  const x0 = Sigma / 2;
  const x1 = hbar * hbar / 2;
  const x2 = 1.4142135623730951;
  const x3 = Math.sqrt(Sigma);
  const x4 = hbar / 2;
  const x5 = erf(x2 * x4 / x3);
  return x0 + x1 + x0 * x5 + x4 * (hbar * x5 + 0.5641895835477563 * x2 * x3 * Math.exp(-x1 / Sigma));
}

/**
 * Total field variance of the next layer, T'.
 *
 * T: total field variance, > 0.
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function total_map(T, sigma_m2, sigma_b2) {
  return sigma_b2 + T / 2;
}

/**
 * Slope of it, dT'/dT.
 *
 * T: total field variance, > 0.
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function total_slope(T, sigma_m2, sigma_b2) {
  return 0.5;
}

/**
 * Variance map, q'.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
function variance_map(q, sigma_m2, sigma_b2, T) {
  const x0 = 1 / (1 + q);
  const x1 = T * arc_cosine_kernel(x0 * (1 + 2 * q));
  const x2 = (1 - sigma_m2);
  const x3 = T / 2;
  const x4 = 0.3183098861837907 * x3;
  return at_extremes((sigma_b2 + sigma_m2 * x1) / (x1 * x2 + T * arc_cosine_difference(0, x0)), q, () => (sigma_b2 + sigma_m2 * x4) / (x3 - x4 + x2 * x4), () => 2 * (sigma_b2 + sigma_m2 * x3) / (T * x2));
}

/**
 * Slope of it, dq'/dq.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
function variance_slope(q, sigma_m2, sigma_b2, T) {
  const x0 = 0.3183098861837907;
  const x1 = 1 / (1 + q);
  const x2 = 1 + 2 * q;
  const x3 = T * arc_cosine_kernel(x1 * x2);
  const x4 = 1 - sigma_m2;
  const x5 = (x4);
  const x6 = 1 / (x3 * x5 + T * arc_cosine_difference(0, x1));
  const x7 = T / 2;
  const x8 = x0 * x7;
  const x9 = 1 / (x7 - x8 + x5 * x8);
  return at_extremes(sigma_m2 * ((T * x0 * x1 * x6 * Math.atan(Math.sqrt(x2)))) * ((x1 * (1 + x6 * (sigma_b2 + sigma_m2 * x3)))), q, () => sigma_m2 * ((T * x9 / 4)) * ((1 + x9 * (sigma_b2 + sigma_m2 * x8))), () => 2 * (sigma_b2 + sigma_m2 * x7) * portion(0, x4) / T);
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
function correlation_map(c, q, sigma_m2, sigma_b2, T) {
  const x0 = 1 / (1 + q);
  const x1 = T * sigma_m2;
  return (sigma_b2 + x1 * arc_cosine_kernel(x0 * (1 + q * (1 + c)))) / (sigma_b2 + x1 * arc_cosine_kernel(x0 * (1 + 2 * q)));
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
function chi(c, q, sigma_m2, sigma_b2, T) {
  const x0 = 1 + q;
  const x1 = 1 / x0;
  const x2 = T * sigma_m2;
  const x3 = 1 / Math.sqrt(x0);
  return 0.3183098861837907 * q * x1 * x2 * Math.atan2(x3 * Math.sqrt(1 + q * (1 + c)), x3 * Math.sqrt(1 + q * (1 - c))) / (sigma_b2 + x2 * arc_cosine_kernel(x1 * (1 + 2 * q)));
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
function gap_map(gap, q, sigma_m2, sigma_b2, T) {
  const x0 = 1 / (1 + q);
  const x1 = arc_cosine_kernel(x0 * (1 + 2 * q));
  const x2 = T * sigma_m2;
  return at_extremes(portion(x1 * x2, sigma_b2) * ((arc_cosine_difference(x0, gap * q * x0) / x1)), q, () => 0, () => 2 * arc_cosine_difference(0, gap) * portion(x2 / 2, sigma_b2));
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
function chi_at_gap(gap, q, sigma_m2, sigma_b2, T) {
  const x0 = 1 + q;
  const x1 = 1 / x0;
  const x2 = arc_cosine_kernel(x1 * (1 + 2 * q));
  const x3 = T * sigma_m2;
  const x4 = 0.3183098861837907;
  const x5 = 1 / Math.sqrt(x0);
  const x6 = 2 - gap;
  return at_extremes(portion(x2 * x3, sigma_b2) * ((x4 * Math.atan2(x5 * Math.sqrt(1 + q * x6), x5 * Math.sqrt(1 + gap * q)) * ((q * x1)) / x2)), q, () => 0, () => 2 * x4 * portion(x3 / 2, sigma_b2) * Math.atan2(Math.sqrt(x6), Math.sqrt(gap)));
}

/**
 * Replica map, g(r).
 *
 * r: replica overlap, in [-1, 1].
 * T: total field variance, > 0.
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 */
function replica_map(r, T, sigma_m2, sigma_b2) {
  return (sigma_b2 + T * sigma_m2 * arc_cosine_kernel(1 + r)) / (sigma_b2 + T / 2);
}

/**
 * Mean squared singular value of the layer Jacobian.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * T: total field variance, > 0.
 */
function jacobian(q, sigma_m2, sigma_b2, T) {
  return 0.3183098861837907 * sigma_m2 * Math.atan(Math.sqrt(1 + 2 * q));
}

/**
 * What the derivative of Sigma adds to it, times 1/N.
 *
 * q: field variance, > 0 (relative to its annealed part where the field is marginalised).
 * sigma_m2: variance of the weight means.
 * sigma_b2: variance of the biases, >= 0.
 * mu_4: fourth moment of the weight means.
 * T: total field variance, > 0.
 */
function jacobian_sigma_derivative(q, sigma_m2, sigma_b2, mu_4, T) {
  const expectation_1 = gaussian_mean(integrand_1, 0, q / 2);
  const expectation_2 = gaussian_mean(integrand_2, 0, q / 2);
  const x0 = 4 * expectation_1 * sigma_m2;
  const x1 = 8 * piecewise_overlap([[0], [0], [1], [0, 0]], T, q / (1 + q));
  return (T * (-x0 + 2 * expectation_2 * mu_4) + q * (x1 + q * x1 + T * (-x0 + expectation_2 * mu_4))) / (8 * T);
}

export { mean, second_moment, total_map, total_slope, variance_map, variance_slope, correlation_map, chi, gap_map, chi_at_gap, replica_map, jacobian, jacobian_sigma_derivative };
