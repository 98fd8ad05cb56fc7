// Piecewise linear functions of fields much wider than their breaks, by moments, which emitted JavaScript calls.
// Far out f is h(u) = p + q u + s sign(u) + d |u|, and g = f - h is of compact support. E h(u) h(v) is elementary, and
// E h(u) g(v) and E g(u) g(v) are series of moments of g. A correlation is r = side size, size = 1 - near.

/** The distance from correlations 1 and -1 from which series serve; 1 where none do. */
function wide_from(facts, v) {
  const square = 2 * (facts.widest / Math.sqrt(v)) ** 2;
  return square > 0 && square < 1 ? square / (1 + Math.sqrt(1 - square)) : 1;
}

/** `wide_from` of what is in closed form, which loses few digits in fields that are not so wide. */
function closed_from(facts, v) {
  return v > facts.closed ? wide_from(facts, v) : 1;
}

/** `wide_from` of slopes: sums over jumps which do not add up to 0 lose no digits, those of a box few. */
function slope_from(facts, v) {
  if (facts.box) return closed_from(facts, v);
  return facts.slanted || facts.far[2] === 0 ? wide_from(facts, v) : 1;
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

/** V times the slope of `compact_sum` in V: a moment of t^m adds as 1 / sigma^(m + 1), h as sigma or 1. */
function compact_change(facts, order, v, r, near) {
  const [unit, [p, q, s, d]] = [facts.unit / Math.sqrt(v), far_part(facts, order)];
  const tables = [facts.moments[order], facts.graded[order]];
  const [roots, changes] = tables.map((each) => pair_roots(each, order, unit, r, near));
  const total = roots.reduce((sum, part, n) => sum + Math.sign(r) ** n * part * ((order - 1) * part - changes[n]), 0);
  if (![p, q, s, d].some((each) => each !== 0)) return total;
  const [[level, , sign], [wider, line, steeper, size]] = tables.map((each) => far_products(each, unit, r, near));
  const own = 2 * order - 1;
  const change = p * (own * level - wider) - q * line + s * (own * sign - steeper) - d * size;
  return total + change * unit ** (-2 * order);
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

/** V dC/dV. */
function wide_growth(facts, side, v, near, size) {
  return far_overlap(facts, side, v, near, size)[1] + compact_change(facts, 0, v, side * size, near);
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

/** V d^2 C/dV ds. */
function wide_slope_growth(facts, side, v, near, size) {
  return steep_overlap(facts, side, v, near, size) + compact_change(facts, 1, v, side * size, near);
}

/** d^2 C/ds^2. */
function wide_curvature(facts, side, v, near, size) {
  return compact_sum(facts, 2, v, side * size, near);
}
