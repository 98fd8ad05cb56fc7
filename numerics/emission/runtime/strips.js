// Integrals over correlations behind piecewise linear neurons, which emitted JavaScript calls.
// In x = sqrt((1 - s) / (1 + s)) the density of two fields of variance V at (t_i, t_j), times V ds, is
// exp(-E) / (1 + x^2) dx / pi, E V = S (1 + x^2) + D (1 + 1 / x^2), as in Owen's T: Owen 1956, Ann. Math. Stat. 27, 1075.

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
