// Chains of blocks, layer by layer, by the methods of meanbits.numerics.depth: what is carried, and what is passed back.

const SETTLED = 1e-13;
const MOST_LAYERS = 300;
const GROWING = { points: 40, largest: 1e8 };
const NEAR_EQUAL = 1e-9;

/** The layer at a point {sigma_m2, sigma_b2}: functions of the state {T, q, typical} and of the gap. */
function layerAt(maps, kind, point) {
  const given = [point.sigma_m2, point.sigma_b2];
  const batch = (state) => kind.takesTypical ? [state.typical] : [];
  const rest = (state) => [...given, ...(kind.takesTotal ? [state.T] : []), ...batch(state)];
  const gap = (each, state) => maps.gap_map(each, state.q, ...rest(state));
  const total = (T, state) => maps.total_map(T, ...given, ...batch(state));
  return {
    total, gap,
    chi: (each, state) => maps.chi_at_gap(each, state.q, ...rest(state)),
    growth: (state) => kind.hasGradients ? maps.gradient_growth(state.q, ...rest(state)) : NaN,
    after: (state) => ({
      T: total(state.T, state), q: maps.variance_map(state.q, ...rest(state)),
      typical: kind.takesTypical ? 1 - gap(1 - state.typical, state) : 0,
    }),
  };
}

/** The first fields: q = 1, and where they are integrated out T as for states +-1; typical pairs of a batch apart. */
function firstState(layer, kind) {
  const first = { T: 1, q: 1, typical: 0 };
  return kind.takesTotal ? { ...first, T: layer.total(1, first) } : first;
}

/** Whether T' > T everywhere: a stream, which has no fixed point. */
function grows(layer, first) {
  return Array.from({ length: GROWING.points + 1 }, (_, k) => first.T * Math.pow(GROWING.largest, k / GROWING.points))
    .every((T) => layer.total(T, first) > T);
}

/** The state that layers come to from the first; null where they come to none soon. */
function settledState(layer, kind) {
  let state = firstState(layer, kind);
  if (grows(layer, state)) return null;
  let last = 0;
  for (let count = 0; count < MOST_LAYERS; count++) {
    const after = layer.after(state);
    if (![after.T, after.q, after.typical].every(Number.isFinite) || after.q < 1e-30 || after.q > GROWING.largest) return null;
    const still = ["T", "q", "typical"].every((name) => Math.abs(after[name] - state[name]) <= SETTLED * Math.max(Math.abs(after[name]), name === "typical" ? 1 : 0));
    if (still) return after;
    const step = after.q - state.q;
    state = kind.takesTotal || kind.takesTypical ? after : { ...after, q: leapt(state.q, after.q, last, (q) => layer.after({ ...state, q, T: q }).q) };
    if (!kind.takesTotal) state.T = state.q;
    last = step;
  }
  return null;
}

/** Where the orbit x, next, .. of an increasing map leads by Aitken's rule, if that is not beyond; else next. */
function leapt(x, next, last, after) {
  const [step, ratio] = [next - x, (next - x) / last];
  if (!(ratio > 0 && ratio < 1)) return next;
  const ahead = next + step * ratio / (1 - ratio);
  return ahead > 0 && (after(ahead) - ahead) * step >= 0 ? ahead : next;
}

/** The gap of two inputs that layers come to from correlation 1/2. */
function settledGap(layer, state, chi_1) {
  const after = (gap) => layer.gap(gap, state);
  const merges = after(0) === 0 && chi_1 <= 1;
  let [gap, last] = [0.5, 0];
  for (let count = 0; count < MOST_LAYERS; count++) {
    const next = after(gap);
    if (merges && next < NEAR_EQUAL) return 0;
    if (Math.abs(next - gap) <= SETTLED * Math.abs(next)) return next;
    [gap, last] = [leapt(gap, next, last, after), next - gap];
  }
  return merges ? 0 : NaN;
}

/** The fixed point that layers of a chain come to at a point {sigma_m2, sigma_b2}; null where there is none. */
function fixedPointOfChain(maps, kind, point) {
  const layer = layerAt(maps, kind, point);
  const state = settledState(layer, kind);
  if (state === null) return null;
  const chi_1 = layer.chi(0, state);
  const gap = settledGap(layer, state, chi_1);
  const [chi, chi_g] = [layer.chi(gap, state), layer.growth(state)];
  const found = { q: state.q, T: state.T, gap, c: 1 - gap, chi, chi_1, xi_c: depthScale(chi) };
  if (Object.values(found).some(Number.isNaN)) return null;
  return { ...found, ...(kind.hasGradients ? { chi_g, xi_g: gradientScale(chi_g) } : {}), phase: phaseOf(chi_1), at: { gap: (each) => layer.gap(each, state) } };
}

/** 1/ln of what squared gradients grow by a layer: negative where they vanish. */
function gradientScale(growth) {
  return Math.abs(growth - 1) <= SLOPE_ROUNDING ? Infinity : 1 / Math.log(growth);
}

/** c of pairs from c0 and, of squared gradients, the part of the last row; rows 0 (the first field) to depth. */
function profileOfChain(maps, kind, point, depth, starts) {
  const layer = layerAt(maps, kind, point);
  const states = [firstState(layer, kind)];
  const gaps = starts.map((c0) => [1 - c0]);
  for (let row = 0; row < depth; row++) {
    for (const each of gaps) each.push(layer.gap(each[row], states[row]));
    states.push(layer.after(states[row]));
  }
  const gradient = new Array(depth + 1).fill(1);
  for (let row = depth - 1; row >= 0; row--) gradient[row] = gradient[row + 1] * layer.growth(states[row]);
  const last = states[depth];
  return { q: states.map((each) => each.q), c: gaps.map((each) => each.map((gap) => 1 - gap)), gradient, gap: (each) => layer.gap(each, last) };
}
