// Functions smoothed over a Gaussian, panel by panel of their mesh, which emitted JavaScript calls.

/** What follows from a mesh, the edges of panels, once it is needed: knots, those that are breaks, and both mirrored. */
const MESHES = new Map();

/** The next number above x, or below where side is -1. */
function next_number(x, side) {
  if (x === 0) return side * Number.MIN_VALUE;
  const bits = new BigInt64Array(new Float64Array([x]).buffer);
  bits[0] += (x > 0) === (side > 0) ? 1n : -1n;
  return new Float64Array(bits.buffer)[0];
}

/** A mesh with what follows from it. */
function mesh_facts(edges) {
  if (!MESHES.has(edges)) {
    const points = [...new Set(edges)];
    const breaks = points.filter((each) => edges.indexOf(each) !== edges.lastIndexOf(each));
    const mirrored = (each) => [...new Set([...each, ...each.map((u) => 0 - u)])].sort((a, b) => a - b);
    MESHES.set(edges, {
      points, breaks, mirrored: [mirrored(points), mirrored(breaks)], live: new Map(),
      lows: points.map((each) => next_number(each, 1)), highs: points.map((each) => next_number(each, -1)),
    });
  }
  return MESHES.get(edges);
}

/** Whether f is anything but 0 on each of the panels of a mesh. */
function live_panels(f, mesh) {
  if (!mesh.live.has(f)) {
    const [shares, far] = [[...gauss_legendre(20)[0]].map((x) => (1 + x) / 2), []];
    for (let k = 1; k < 121; k += 4) far.push(2 ** -k);
    mesh.live.set(f, mesh.points.slice(0, -1).map((start, i) => {
      const length = mesh.points[i + 1] - start;
      return [...shares, ...far, ...far.map((each) => 1 - each)].some((share) => f(within(start + length * share, start, mesh.points[i + 1])) !== 0);
    }));
  }
  return mesh.live.get(f);
}

/** The 16 nodes and weights of Gauss and Hermite for N(0, 1), once they are needed. */
const NORMAL = { rule: null };

/** [node, weight] of them (Golub and Welsch 1969). */
function normal_rule() {
  if (NORMAL.rule === null) {
    const [diagonal, beside] = [new Array(16).fill(0), Array.from({ length: 16 }, (_, k) => Math.sqrt(k + 1))];
    NORMAL.rule = eigenvalues(diagonal, beside).map((node) => [node, christoffel(node, diagonal, beside)]);
  }
  return NORMAL.rule;
}

/** The longest panel, in standard deviations, on which 20 nodes resolve the density within reach. */
function longest_piece(reach) {
  return Math.min(3, 25 / reach);
}

/** Calls term(left, length) for the pieces of a panel, none longer than step. */
function over_pieces(left, right, step, term) {
  const length = right - left;
  const count = length > 0 ? Math.ceil(length / step) : 0;
  for (let k = 0; k < count; k++) term(left + k * (length / count), length / count);
}

/** The knot of ascending points at or below u, or strictly below. */
function knot_before(points, u, strictly) {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (strictly ? points[middle] < u : points[middle] <= u) low = middle + 1; else high = middle;
  }
  return low - 1;
}

/** E z^power f(anchor + offset + spread z), z ~ N(0, 1) within reach. */
function smoothed(f, mesh, anchor, offset, spread, reach, power = 0) {
  const [{ points }, live, middle, end] = [mesh, live_panels(f, mesh), anchor + offset, mesh.points.length - 1];
  const first = within(knot_before(points, middle - reach * spread, false), 0, end - 1);
  const last = within(knot_before(points, middle + reach * spread, true) + 1, first + 1, end);
  if (last - first === 1) {
    return live[first] ? normal_rule().reduce((sum, [z, w]) => sum + f(middle + spread * z) * w * z ** power, 0) : 0;
  }
  let total = 0;
  for (let panel = first; panel < last; panel++) {
    if (live[panel]) total += over_panel(f, mesh, panel, anchor, offset, spread, reach, power);
  }
  return total;
}

/** The same over one panel, from its nearer edge, so that no digit is lost there. */
function over_panel(f, { points, lows, highs }, panel, anchor, offset, spread, reach, power) {
  const [below, above] = [(points[panel] - anchor) - offset, (points[panel + 1] - anchor) - offset];
  const nearer = Math.abs(below) < Math.abs(above);
  const [place, edge, length] = [nearer ? below : above, points[nearer ? panel : panel + 1], points[panel + 1] - points[panel]];
  const [nodes, weights] = gauss_legendre(20);
  let total = 0;
  const [left, right] = [Math.max(nearer ? 0 : -length, -reach * spread - place), Math.min(nearer ? length : 0, reach * spread - place)];
  over_pieces(left, right, longest_piece(reach) * spread, (start, width) => {
    for (let k = 0; k < 20; k++) {
      const shift = start + width * (1 + nodes[k]) / 2;
      const z = (place + shift) / spread;
      total += f(within(edge + shift, lows[panel], highs[panel + 1])) * Math.exp(-z * z / 2) * z ** power * weights[k] / 2 * (width / spread);
    }
  });
  return total / Math.sqrt(2 * Math.PI);
}

/** Calls term(anchor, offset, weight) at nodes for E over N(0, wide^2) of functions of these knots smoothed over narrow. */
function over_outer(points, breaks, wide, narrow, reach, term) {
  if (6 * narrow >= wide) {
    const step = 0.73 / Math.sqrt(2 / narrow ** 2 + 1 / wide ** 2);
    const half = Math.ceil(reach * wide / step);
    for (let k = -half; k <= half; k++) {
      const y = k * (step / wide);
      term(0, k * step, step / wide / Math.sqrt(2 * Math.PI) * Math.exp(-y * y / 2));
    }
    return;
  }
  const [nodes, weights] = gauss_legendre(20);
  for (const [anchor, left, right, step] of outer_panels(points, breaks, narrow, reach)) {
    const [low, high] = [-reach * wide - anchor, reach * wide - anchor];
    over_pieces(within(left, low, high), within(right, low, high), Math.min(step, longest_piece(reach) * wide), (start, length) => {
      for (let k = 0; k < 20; k++) {
        const offset = start + length * (1 + nodes[k]) / 2;
        const y = (anchor + offset) / wide;
        term(anchor, offset, length / wide * weights[k] / 2 * Math.exp(-y * y / 2) / Math.sqrt(2 * Math.PI));
      }
    });
  }
}

/** [anchor, left, right, longest piece] of panels on which functions smoothed over narrow are polynomials. */
function outer_panels(points, breaks, narrow, reach) {
  const [step, zone] = [longest_piece(reach) * narrow, reach * narrow];
  const before = points.map((each, k) => k === 0 ? Infinity : each - points[k - 1]);
  const after = points.map((each, k) => k === points.length - 1 ? Infinity : points[k + 1] - each);
  const knots = points.map((_, k) => k).filter((k) => Math.max(before[k], after[k]) >= step);
  return knots.slice(0, -1).flatMap((start, i) => {
    const end = knots[i + 1];
    const length = points[end] - points[start];
    const plain = end === start + 1 && length >= 2 * zone;
    const near = (k) => breaks.includes(points[k]) || Math.min(before[k], after[k]) < 2 * zone ? zone : 0;
    const [first, last] = plain ? [near(start), near(end)] : [length, 0];
    const outward = Math.abs(points[start]) < Math.abs(points[end]);
    const left = outward ? first : first - length;
    const middle = [points[outward ? start : end], left, plain ? (outward ? length - last : -last) : left, Infinity];
    return [[points[start], 0, first, step], middle, [points[end], -last, 0, step]];
  });
}
