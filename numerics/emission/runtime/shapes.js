// What piecewise linear functions are, which emitted JavaScript calls.
// f(u) = a + b u + sum_i J_i 1(u > t_i) + K_i (u - t_i)_+ is the shape [t, J, K, [a, b]].

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
