// How overlaps of piecewise linear functions change with the variance, and expectations of such squares.

/** Of v given u = at, at correlation r: t less its mean as a function of t, and its deviation. */
function conditional_law(v, r, at) {
  const [near, mean] = [1 - Math.abs(r), Math.sign(r) * at];
  return [(t) => t - mean + near * mean, Math.sqrt(v * near * (2 - near))];
}

/** In standard deviations, 50 at most. */
function deviations(apart, spread) {
  return spread > 0 ? within(apart, -50 * spread, 50 * spread) / spread : Math.sign(apart) * 50;
}

/** E f(v) given u = at, at correlation r. */
function given_field(facts, v, r, at) {
  const [apart_from, spread] = conditional_law(v, r, at);
  return facts.places.reduce((total, t, i) => {
    const apart = apart_from(t);
    const beyond = deviations(apart, spread);
    const tail = erfc(beyond / Math.SQRT2) / 2;
    const bend = spread * Math.exp(-beyond * beyond / 2) / Math.sqrt(2 * Math.PI) - apart * tail;
    return total + facts.jumps[i] * tail + (facts.bends[i] ? facts.bends[i] * bend : 0);
  }, facts.line[0] + facts.line[1] * (r * at));
}

/** 2 V times the derivative in V of given_field, of a step function. */
function given_widening(facts, v, r, at) {
  const [apart_from, spread] = conditional_law(v, r, at);
  return facts.places.reduce((total, t, i) => {
    const beyond = deviations(apart_from(t), spread);
    return total + facts.jumps[i] * beyond * Math.exp(-beyond * beyond / 2) / Math.sqrt(2 * Math.PI);
  }, 0);
}

/** The density of N(0, v) at t. */
function normal_density(t, v) {
  const sigma = Math.sqrt(v);
  return Math.exp(-((t / sigma) ** 2) / 2) / (Math.sqrt(2 * Math.PI) * sigma);
}

/** dC/dV: E f''(u) f(v) + r E f'(u) f'(v), where terms of two jumps cancel. */
function overlap_growth(facts, v, r) {
  const inner = shape_facts(facts.derivative);
  let total = facts.slanted ? r * piecewise_overlap(facts.derivative, v, r) : 0;
  facts.places.forEach((t, i) => {
    let steep = (facts.bends[i] + facts.jumps[i] * (t / v)) * given_field(facts, v, r, t);
    if (facts.jumps[i] && facts.slanted) steep += r * facts.jumps[i] * given_field(inner, v, r, t);
    total += normal_density(t, v) * steep;
  });
  return total;
}

/** dC/dV = E u f'(u) f(v) / V: an integral over u, between breaks, of what f(v) is there on average. */
function growth_along(facts, v, r) {
  let total = 0;
  facts.places.forEach((t, i) => {
    total += t / v * facts.jumps[i] * normal_density(t, v) * given_field(facts, v, r, t);
  });
  const [ends, [nodes, weights]] = [panel_ends(facts, v, r), gauss_legendre(16)];
  ends.slice(1).forEach((high, k) => {
    for (let i = 0; high > ends[k] && i < 16; i++) {
      const u = ends[k] + (high - ends[k]) * (nodes[i] + 1) / 2;
      const steep = facts.places.reduce((sum, t, j) => sum + (u > t ? facts.bends[j] : 0), facts.line[1]);
      total += u / v * steep * given_field(facts, v, r, u) * normal_density(u, v) * weights[i] / 2 * (high - ends[k]);
    }
  });
  return total;
}

/** In which multiples of the standard deviation integrals over fields are cut. */
const DEVIATIONS = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 26, 30, 34, 38];

/** The breaks, where v is about at one on average, and multiples of the standard deviation. */
function panel_ends({ places }, v, r) {
  const sigma = Math.sqrt(v);
  const spread = sigma * Math.sqrt((1 - Math.abs(r)) * (1 + Math.abs(r)));
  const law = places.flatMap((t) => [t, ...[-8, -3, 0, 3, 8].map((each) => (r === 0 ? 0 : (t + each * spread) / r))]);
  const cut = law.map((each) => within(each, -38 * sigma, 38 * sigma));
  return [...cut, ...DEVIATIONS.flatMap((each) => [-each * sigma, each * sigma])].sort((a, b) => a - b);
}

/** dC/dV at fixed correlation. Sums over breaks cancel in wide fields, and near correlation -1. */
function piecewise_growth(shape, variance, rho) {
  const [facts, v, r] = [shape_facts(shape), checked_variance(variance), correlation(rho)];
  const [side, size] = [r < 0 ? -1 : 1, Math.abs(r)];
  if (from_there(closed_from(facts, v), 1 - size)) return wide_growth(facts, side, v, 1 - size, size) / v;
  if (facts.slanted && (v > facts.reach || (r < -0.99 && v > facts.straight))) return growth_along(facts, v, r);
  return overlap_growth(facts, v, r);
}

/** d^2 C/ds^2 at s = 1 - apart; infinite at 0 unless f is linear. */
function piecewise_curvature(shape, variance, apart) {
  const [facts, v, far] = [shape_facts(shape), checked_variance(variance), distance(apart, 2)];
  const near = Math.min(far, 2 - far);
  if (from_there(closed_from(facts, v), near)) return wide_curvature(facts, far <= 1 ? 1 : -1, v, near, 1 - near);
  let value = 0 * (v + far);
  if (facts.bending && far > 0 && far < 2) {
    const x = near_end(far);
    value += bend_sum(threshold_pairs(facts, 1, false), v, x) / x * (1 + x * x) ** 2 / (4 * Math.PI);
  }
  for (const [density, above, below, jumps, bends] of pair_densities(facts, v, far)) {
    const inside = (1 - far) / (far * (2 - far)) + above / (2 - far) - below / far;
    const rate = far === 0 || far === 2 ? (1 - far) * Infinity : inside;
    if (jumps) value += density > 0 ? jumps * density * rate : 0;
    else if (bends) value += density === Infinity ? bends * density : 0;
  }
  return value;
}

/** d^2 C/dV ds at s = 1 - apart. */
function piecewise_slope_growth(shape, variance, apart) {
  const [facts, v, far] = [shape_facts(shape), checked_variance(variance), distance(apart, 2)];
  const [inner, near, r] = [shape_facts(facts.derivative), Math.min(far, 2 - far), 1 - far];
  if (from_there(closed_from(facts, v), near)) return wide_slope_growth(facts, far <= 1 ? 1 : -1, v, near, 1 - near) / v;
  let value = 0 * (v + far);
  if (facts.slanted) {
    value += piecewise_overlap(facts.derivative, v, r) + v * overlap_growth(inner, v, r);
    facts.places.forEach((t, i) => {
      const steep = (1 + t * (t / v)) * given_field(inner, v, r, t) + given_widening(inner, v, r, t);
      value += facts.jumps[i] * normal_density(t, v) * steep;
    });
  }
  for (const [density, above, below, jumps] of pair_densities(facts, v, far)) {
    if (density > 0 && above + below > 0 && jumps) value += jumps * density * (above + below) / v;
  }
  return value;
}

/** E F(u) for u of mean 0, F even: from each start s >= 0 to the next a polynomial in |u| - s. */
function piecewise_mean([starts, rows], variance) {
  const v = checked_variance(variance);
  const [sigma, degree] = [Math.sqrt(v), Math.max(...rows.map((row) => row.length)) - 1];
  const [narrow, wide] = [Math.min(sigma, 1), Math.max(sigma, 1)]; // the highest power last: overflow is no difference
  let total = 0;
  rows.forEach((row, i) => {
    const moments = interval_moments(starts[i] / sigma, (starts[i + 1] ?? Infinity) / sigma, row.length);
    total += row.reduce((sum, c, k) => sum + 2 * c * narrow ** k * moments[k] / wide ** (degree - k), 0);
  });
  return total * wide ** degree;
}
