// How overlaps of piecewise linear functions change with the variance, and expectations of such squares.

/** Given u = at at correlation 1 - far: t less the mean of v; that in standard deviations, 50 at most; these. */
function far_from(t, at, v, far) {
  const spread = Math.sqrt(v * far * (2 - far));
  const apart = t - at + far * at;
  const beyond = Math.sign(apart) * Math.min(Math.abs(apart), 50 * spread);
  return [apart, spread > 0 ? beyond / spread : Math.sign(apart) * 50, spread];
}

/** E f(v) given u = at, at correlation 1 - far. */
function given_field(facts, v, far, at) {
  return facts.places.reduce((total, t, i) => {
    const [apart, beyond, spread] = far_from(t, at, v, far);
    const tail = erfc(beyond / Math.SQRT2) / 2;
    const bend = spread * Math.exp(-beyond * beyond / 2) / Math.sqrt(2 * Math.PI) - apart * tail;
    return total + facts.jumps[i] * tail + (facts.bends[i] ? facts.bends[i] * bend : 0);
  }, facts.line[0] + facts.line[1] * (1 - far) * at);
}

/** 2 V times the derivative in V of given_field, of a step function. */
function given_widening(facts, v, far, at) {
  return facts.places.reduce((total, t, i) => {
    const beyond = far_from(t, at, v, far)[1];
    return total + facts.jumps[i] * beyond * Math.exp(-beyond * beyond / 2) / Math.sqrt(2 * Math.PI);
  }, 0);
}

/** The density of N(0, v) at t. */
function normal_density(t, v) {
  const sigma = Math.sqrt(v);
  return Math.exp(-((t / sigma) ** 2) / 2) / (Math.sqrt(2 * Math.PI) * sigma);
}

/** dC/dV at correlation r = 1 - far: E f''(u) f(v) + r E f'(u) f'(v), where terms of two jumps cancel. */
function overlap_growth(facts, v, far) {
  const inner = shape_facts(facts.derivative);
  let total = facts.slanted ? (1 - far) * piecewise_overlap(facts.derivative, v, 1 - far) : 0;
  facts.places.forEach((t, i) => {
    let steep = (facts.bends[i] + facts.jumps[i] * (t / v)) * given_field(facts, v, far, t);
    if (facts.jumps[i] && facts.slanted) steep += (1 - far) * facts.jumps[i] * given_field(inner, v, far, t);
    total += normal_density(t, v) * steep;
  });
  return total;
}

/** dC/dV at fixed correlation. */
function piecewise_growth(shape, variance, rho) {
  return overlap_growth(shape_facts(shape), checked_variance(variance), 1 - correlation(rho));
}

/** d^2 C/ds^2 at s = 1 - apart; infinite at 0 unless f is linear. */
function piecewise_curvature(shape, variance, apart) {
  const [facts, v, far] = [shape_facts(shape), checked_variance(variance), distance(apart, 2)];
  let value = 0 * (v + far);
  if (facts.bending && far > 0 && far < 2) {
    const x = near_end(far);
    value += pair_sum(facts, 1, 1, v, x, false) / x * (1 + x * x) ** 2 / (4 * Math.PI);
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
  const inner = shape_facts(facts.derivative);
  let value = 0 * (v + far);
  if (facts.slanted) {
    value += piecewise_overlap(facts.derivative, v, 1 - far) + v * overlap_growth(inner, v, far);
    facts.places.forEach((t, i) => {
      const steep = (1 + t * (t / v)) * given_field(inner, v, far, t) + given_widening(inner, v, far, t);
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
