// Gaussian expectations of functions with breaks anywhere, and features on any scale, which emitted JavaScript calls.
// At correlation 1 - d, u and v share a part y, and E f(u) g(v) = E psi_f(y) psi_g(y), psi_f being f smoothed over the rest.

/** A mesh that reaches as far ends where its functions are powers; standard deviations; a small distance of correlations. */
const FAR_OUT = [2 ** 99, 64, 1e-12];

/** How many standard deviations out the functions have mass that counts: 8.5, 12, 20, 38; NaN beyond the mesh. */
function needed_reach(sizes, { points }, mean, sigma) {
  const last = points[points.length - 1];
  const places = [];
  for (let k = 0; k < 152; k++) {
    const [start, end] = [k, k + 1].map((each) => each < 48 ? each / 4 : 12 + (each - 48) / 2);
    for (const side of [-1, 1]) places.push([mean + sigma * side * (start + end) / 2, end - start]);
  }
  points.slice(1).forEach((end, k) => places.push([(end + points[k]) / 2, Math.min((end - points[k]) / sigma, 1)]));
  let needed = 8.5;
  for (const size of sizes) {
    const masses = places.map(([u, share]) => {
      const out = Math.abs(u - mean) / sigma;
      const value = Math.abs(size(within(u, points[0], last)));
      return [out, share * Math.exp(-out * out / 2), Number.isFinite(value) ? value : 0];
    });
    const least = 1e-305 * Math.max(...masses.map(([, density, value]) => density > 0 ? value : 0)); // below it is but underflow
    const counted = masses.map(([out, density, value]) => [out, density * value > least ? density * value : 0]);
    const whole = counted.reduce((sum, [, mass]) => sum + mass, 0);
    for (const [near, far] of [[8.5, 12], [12, 20], [20, 38], [38, Infinity]]) {
      const beyond = counted.reduce((sum, [out, mass]) => out > near ? sum + mass : sum, 0);
      if (beyond > 2e-14 * whole) needed = Math.max(needed, far);
    }
  }
  return needed * sigma + mean > last || needed * sigma - mean > -points[0] ? NaN : needed;
}

/** f before and after u, which differ only at breaks. */
function values_beside(f, breaks, u) {
  if (!breaks.includes(u)) return [f(u), f(u)];
  return [-1, 1].map((side) => f(u === 0 ? side * 1e-150 : next_number(u, side)));
}

/** E f(u), u ~ N(anchor + offset, sigma^2), sigma >= 0; at sigma 0 the mean of both sides of a break. */
function panel_mean(f, mesh, anchor, offset, sigma) {
  if (sigma === 0) return values_beside(f, mesh.breaks, anchor + offset).reduce((a, b) => a + b) / 2;
  const reach = needed_reach([f], mesh, anchor + offset, sigma);
  return Number.isNaN(reach) ? NaN : smoothed(f, mesh, anchor, offset, sigma, reach);
}

/** E f(u) g(v) at correlation sign * shared, shared = 1 - near in [0, 1], variance > 0. */
function panel_pair(f, g, mesh, variance, near, shared, sign) {
  if (!live_panels(f, mesh).some(Boolean) || !live_panels(g, mesh).some(Boolean)) return 0;
  const sigma = Math.sqrt(variance);
  const sizes = (f === g ? [f] : [f, g]).flatMap((each) => [each, (u) => each(u) ** 2]);
  const reach = needed_reach(sizes, mesh, 0, sigma);
  if (Number.isNaN(reach)) return NaN;
  if (shared < 0.05 / reach ** 2) return faint_pair(f, g, mesh, sigma, sign * shared, reach);
  const [wide, narrow] = [sigma * Math.sqrt(shared), sigma * Math.sqrt(near)];
  const [points, breaks] = sign < 0 ? mesh.mirrored : [mesh.points, mesh.breaks];
  let total = 0;
  over_outer(points, breaks, wide, narrow, reach, (anchor, offset, weight) => {
    const first = smoothed(f, mesh, anchor, offset, narrow, reach);
    total += weight * first * (f === g && sign > 0 ? first : smoothed(g, mesh, sign * anchor, sign * offset, narrow, reach));
  });
  return total;
}

/** E f(u) g(v) at a small correlation: Mehler's series, whose terms keep the digits of odd functions. */
function faint_pair(f, g, mesh, sigma, r, reach) {
  const moments = [f, g].map((each) => Array.from({ length: 9 }, (_, k) => smoothed(each, mesh, 0, 0, sigma, reach, k)));
  let [total, scale, before, polynomial] = [0, 1, [0], [1]];
  for (let k = 0; k < 9; k++) {
    const [first, second] = moments.map((each) => polynomial.reduce((sum, c, j) => sum + c * each[j], 0));
    total += scale * first * second;
    scale *= r / (k + 1);
    const next = [0, ...polynomial].map((c, j) => c - k * (before[j] ?? 0));
    [before, polynomial] = [polynomial, next];
  }
  return total;
}

/** 2 pi sqrt(near (2 - near)) variance E D(u) D(v), D(u) the sum of height delta(u - place). */
function jump_products(jumps, v, near, sign) {
  let total = 0;
  for (const [s, first] of jumps) {
    for (const [t, second] of jumps) {
      const [apart, product] = [(s - sign * t) ** 2, sign * s * t];
      const exponent = (apart > 0 ? apart / (2 * v * near * (2 - near)) : 0) + (product ? product / (v * (2 - near)) : 0);
      total += first * second * Math.exp(-(Number.isNaN(exponent) ? Infinity : exponent));
    }
  }
  return total;
}

/** 0, or the infinity that E f(u) f(sign u) is, for an f that grows without bound at the breaks. */
function divergence(f, breaks, sign) {
  let sum = 0;
  for (const at of breaks) {
    const width = at === 0 ? 2 ** -110 : Math.abs(at) * 2 ** -44;
    for (const side of [-1, 1]) {
      const [near, far] = [at + side * width, at + side * 2 ** 20 * width].map((u) => f(u) * f(sign * u));
      if (Math.abs(near) > 0.9 * 2 ** 20 * Math.abs(far)) sum += Math.sign(near);
    }
  }
  return sum ? Infinity * sum : 0;
}

/** The derivative of E f(u) f(v) in the correlation sign (1 - near), variance > 0; slope is f' between the breaks. */
function panel_slope(slope, jumps, mesh, variance, near, sign) {
  let value = variance * panel_pair(slope, slope, mesh, variance, near, 1 - near, sign);
  if (near === 0) value += divergence(slope, mesh.breaks, sign);
  if (jumps.length === 0) return value;
  const [sigma, sine] = [Math.sqrt(variance), Math.sqrt(near * (2 - near))];
  for (const [place, height] of jumps) {
    const given = panel_mean(slope, mesh, sign * place, -near * sign * place, sigma * sine);
    value += 2 * height * sigma * Math.exp(-place * place / variance / 2) / Math.sqrt(2 * Math.PI) * given;
  }
  const both = jump_products(jumps, variance, near, sign);
  return value + (sine > 0 ? both / (2 * Math.PI * sine) : both === 0 ? 0 : Math.sign(both) * Infinity);
}

/** The factor, at least 1, by which a standard deviation exceeds what the mesh holds; 1 for meshes of short reach. */
function far_scale({ points }, variance) {
  const reach = Math.min(-points[0], points[points.length - 1]);
  return reach >= FAR_OUT[0] ? Math.max(Math.sqrt(variance) * (FAR_OUT[1] / reach), 1) : 1;
}

/** p of f(k u) = k^p f(u) far out; -1 where f falls as fast or faster, and its integral is what counts. */
function far_power(f, { points }) {
  const reach = Math.min(-points[0], points[points.length - 1]);
  const [outer, inner] = [reach / 2, reach / 4].map((u) => Math.max(Math.abs(f(u)), Math.abs(f(-u))));
  return outer === 0 || inner === 0 ? -1 : Math.max(Math.round(Math.log2(outer / inner) * 24) / 24, -1);
}

/** What distances of correlations grow by where a smaller scale stands for one, and what slopes shrink by. */
function far_growth(power, scale, near) {
  if (power > -1) return [1, scale ** (2 * power + 2)];
  const growth = Math.max(Math.min(scale ** 2, FAR_OUT[2] / near), 1);
  return [growth, Math.sqrt(growth)];
}

/** Throws for a variance below 0; whether all numbers are finite. */
function usable(name, variance, ...others) {
  if (variance < 0) throw new RangeError(`${name}: variance ${variance} is negative; give numbers >= 0`);
  return [variance, ...others].every(Number.isFinite);
}

/** E f(u) for u ~ N(mean, variance), variance >= 0; edges are the mesh of f. */
function broken_mean(f, mean, variance, edges) {
  if (!usable("broken_mean", variance, mean)) return NaN;
  const mesh = mesh_facts(edges);
  const scale = far_scale(mesh, variance);
  return panel_mean(f, mesh, mean / scale, 0, Math.sqrt(variance) / scale) * (scale > 1 ? scale ** far_power(f, mesh) : 1);
}

/** E f(u) g(v), (u, v) centred Gaussian of one variance >= 0 and that correlation; edges are a mesh of both. */
function broken_pair(f, g, variance, rho, edges) {
  const r = correlation(rho);
  if (!usable("broken_pair", variance, r)) return NaN;
  const mesh = mesh_facts(edges);
  if (variance === 0) {
    const [[f_before, f_after], [g_before, g_after]] = [f, g].map((each) => values_beside(each, mesh.breaks, 0));
    return (f_before + f_after) * (g_before + g_after) / 4 + (f_after - f_before) * (g_after - g_before) * Math.asin(r) / (2 * Math.PI);
  }
  const [size, scale] = [Math.abs(r), far_scale(mesh, variance)];
  const value = panel_pair(f, g, mesh, variance / scale ** 2, 1 - size, size, r < 0 ? -1 : 1);
  if (scale === 1) return value;
  const powers = [far_power(f, mesh), far_power(g, mesh)];
  const integrals = powers[0] === -1 && powers[1] === -1 ? -1 : powers[0] + powers[1];
  return value * scale ** (size === 1 ? integrals : powers[0] + powers[1]);
}

/** The sum of the heights of jumps at 0. */
function jump_height(jumps) {
  return jumps.reduce((sum, [place, height]) => place === 0 ? sum + height : sum, 0);
}

/** dC/ds at s = 1 - apart in [-1, 1], C = E f(u) f(v); slope is f' between the breaks, jumps [place, height] of f. */
function broken_slope(slope, jumps, variance, apart, edges) {
  if (apart < 0 || apart > 2 + 1e-15) throw new RangeError("broken_slope: give distances in [0, 2]");
  if (!usable("broken_slope", variance, apart)) return NaN;
  const [mesh, sign, height] = [mesh_facts(edges), apart <= 1 ? 1 : -1, jump_height(jumps)];
  const near = sign > 0 ? apart : Math.max(2 - apart, 0);
  if (variance === 0) return height ? height ** 2 / (2 * Math.PI * Math.sqrt(near * (2 - near))) : 0;
  const scale = far_scale(mesh, variance);
  const [growth, factor] = far_growth(far_power(slope, mesh), scale, near);
  return factor * panel_slope(slope, jumps, mesh, variance / scale ** 2, near * growth, sign);
}

/** C at correlation 1 - rest less that at 1 - rest - drop, to a relative 1e-12; the arguments as in broken_slope. */
function broken_difference(slope, jumps, variance, rest, drop, edges) {
  if (!usable("broken_difference", variance, rest, drop)) return NaN;
  const [mesh, scale] = [mesh_facts(edges), far_scale(mesh_facts(edges), variance)];
  if (scale > 1) {
    const [growth, factor] = far_growth(far_power(slope, mesh), scale, rest + drop);
    return broken_difference(slope, jumps, variance / scale ** 2, rest * growth, drop * growth, edges) * factor / growth;
  }
  if (rest < 0 || rest > 1 || drop < 0 || rest + drop > 2 + 1e-15) throw new RangeError("broken_difference: give rest in [0, 1] and drop in [0, 2 - rest]");
  if (variance === 0) return jump_height(jumps) ** 2 / (2 * Math.PI) * angle_between(rest, drop);
  const [fine, positive, end] = [Math.max(sharpness_of(slope, jumps, mesh, variance), 3), Math.min(drop, 1 - rest), Math.max(2 - rest - drop, 0)];
  return [[1, rest, positive], [-1, end, drop - positive]].reduce((sum, [sign, start, length]) => {
    const value = (x) => panel_slope(slope, jumps, mesh, variance, 2 * x * x / (1 + x * x), sign);
    return sum + over_angles(start, length, fine, Math.PI / 4, known_slopes(slope, variance, sign), value);
  }, 0);
}

/** The inverse of tan(acos(1 - d) / 2) below which the slope at 1 - d is a power series in sqrt(d). */
function sharpness_of(slope, jumps, mesh, variance) {
  const sigma = Math.sqrt(variance);
  const starts = (knots) => knots.slice(1).map((each, k) => Math.max(knots[k], -each, 0));
  let finest = Infinity;
  for (const [knots, share] of [[mesh.points, 3], [mesh.breaks, 15]]) {
    starts(knots).forEach((start, k) => { if (start < 8.5 * sigma) finest = Math.min(finest, (knots[k + 1] - knots[k]) / share); });
  }
  const live = live_panels(slope, mesh);
  const places = [...starts(mesh.points).filter((_, k) => live[k]), ...jumps.map(([place]) => Math.abs(place)), Infinity];
  return Math.max(sigma / finest, Math.min(Math.min(...places) / sigma, 40));
}
