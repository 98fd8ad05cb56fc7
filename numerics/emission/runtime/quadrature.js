// Gaussian expectations of functions that are analytic on either side of 0, which emitted JavaScript calls.
// The sums are trapezoidal on a logarithmic grid, on which a change of the variance is a translation.

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

/** Of each row i of a pair's nodes: term(i, weights (n,), f at u, f at -u), u_j = scale (x_i + 2 far x_j). */
function over_rows(f, scale, far, [nodes, weights], term) {
  const n = nodes.length;
  const gauss = nodes.map((x, i) => weights[i] * Math.exp(-x * x / 2));
  const [u, turned, up, down, weight] = Array.from({ length: 5 }, () => new Float64Array(n));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      u[j] = scale * (nodes[i] + 2 * far * nodes[j]);
      turned[j] = -u[j];
      weight[j] = gauss[i] * gauss[j] * Math.exp(-far * nodes[i] * nodes[j]);
    }
    fill(f, u, up);
    fill(f, turned, down);
    term(i, weight, up, down);
  }
}

/**
 * E f(u) g(sign v) over |u| > |v|, (u, v) of standard deviation sigma and correlation size = along^2 - across^2, where
 * along^2 + across^2 = 1, on one set of nodes for both signs of u v; the sum of the two orders of f and g, or one twice.
 */
function signs_together(f, g, sigma, along, across, size, sign, rule) {
  const nodes = rule[0];
  const rate = -size / (2 * across * across); // of the exponent, in x_i (x_i + 2 across x_j)
  let total = 0;
  for (const [first, second] of f === g ? [[f, f]] : [[f, g], [g, f]]) {
    const [v, plus, minus] = [nodes.map((x) => sign * sigma * along * x), new Float64Array(nodes.length), new Float64Array(nodes.length)];
    fill(second, v, plus);
    fill(second, v.map((each) => -each), minus);
    over_rows(first, sigma * along, across, rule, (i, weight, up, down) => {
      let [both, above, below] = [0, 0, 0];
      for (let j = 0; j < weight.length; j++) {
        const exponent = rate * nodes[i] * (nodes[i] + 2 * across * nodes[j]);
        const fallen = exponent > -0.5 ? Math.expm1(exponent) : Math.exp(exponent) - 1;
        both += weight[j] * (exponent > -0.5 ? 1 + fallen : Math.exp(exponent)) * (up[j] + down[j]);
        above -= weight[j] * fallen * up[j];
        below -= weight[j] * fallen * down[j];
      }
      total += both * (plus[i] + minus[i]) + above * plus[i] + below * minus[i];
    });
  }
  return along / (2 * Math.PI) * total * (f === g ? 2 : 1);
}

/** The same where the nodes of u v > 0 do not serve u v < 0: correlations near 1. */
function signs_apart(f, g, sigma, along, across, size, sign, rule) {
  const nodes = rule[0];
  let total = 0;
  for (const [side, near, far] of [[sign, along, across], [-sign, across, along]]) {
    for (const [first, second] of f === g ? [[f, f]] : [[f, g], [g, f]]) {
      const [v, plus, minus] = [nodes.map((x) => side * sigma * near * x), new Float64Array(nodes.length), new Float64Array(nodes.length)];
      fill(second, v, plus);
      fill(second, v.map((each) => -each), minus);
      over_rows(first, sigma * near, far, rule, (i, weight, up, down) => {
        let [above, below] = [0, 0];
        for (let j = 0; j < weight.length; j++) {
          above += weight[j] * up[j];
          below += weight[j] * down[j];
        }
        total += near / (2 * Math.PI) * (above * plus[i] + below * minus[i]);
      });
    }
  }
  return total * (f === g ? 2 : 1);
}

/**
 * E f(u) g(v), (u, v) centred Gaussian of one variance >= 0 and that correlation. Where g is f a slope, f' off 0, lets
 * correlations >= 0 at one variance share what is known of them.
 */
function gaussian_pair(f, g, variance, rho, slope = null) {
  if (variance < 0) throw new RangeError(`gaussian_pair: variance ${variance} is negative; give numbers >= 0`);
  const r = correlation(rho);
  if (!Number.isFinite(variance + r)) return NaN;
  if (slope !== null && f === g && r >= 0 && variance > 0) {
    return gaussian_mean(f, 0, variance) ** 2 + gaussian_difference(f, variance, 1 - r, r, slope);
  }
  const [sigma, size] = [Math.sqrt(variance), Math.abs(r)];
  const sharpness = Math.max(100 * sigma, 10);
  const [along, across] = [Math.sqrt((1 + size) / 2), Math.sqrt((1 - size) / 2)];
  const sums = sharpness * Math.sqrt(1 - size) < 3 ? signs_apart : signs_together;
  return sums(f, g, sigma, along, across, size, r < 0 ? -1 : 1, half_line_rule(sharpness, 4, 10, 1 / 7));
}
