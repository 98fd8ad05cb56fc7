// Functions of numbers that emitted JavaScript calls; `emit` copies those a script uses.

/** Infinite where x is 0, and 0 elsewhere. */
function spike(x) {
  return x === 0 ? Infinity : 0;
}

/** u clipped to [-1, 1]. */
function hard_tanh(u) {
  return Math.min(Math.max(u, -1), 1);
}

/** 1 where |u| < 1, else 0. */
function box(u) {
  return Math.abs(u) < 1 ? 1 : 0;
}

/** 1 - tanh(u)^2, to the last digit far out. */
function sech_squared(u) {
  const decay = Math.exp(-2 * Math.abs(u));
  return 4 * decay / ((1 + decay) * (1 + decay));
}

/** log(1 + exp(u)). */
function softplus(u) {
  return Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u)));
}

/** value, but zero() where q is 0 and infinity() where q is infinite. */
function at_extremes(value, q, zero, infinity) {
  if (q === 0) return zero();
  return q === Infinity ? infinity() : value;
}

/** NaN: the limit at 0 or infinity that is asked for is not derived. */
function no_limit() {
  return NaN;
}

/** part / whole, limit where whole is 0. */
function quotient(part, whole, limit) {
  return whole === 0 ? limit : part / whole;
}

/** part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite. */
function portion(part, rest) {
  return rest === 0 ? 1 : 1 / (1 + rest / part);
}

/** share * value, 0 where share is 0, even if value is infinite. */
function scaled(share, value) {
  return share === 0 ? 0 : share * value;
}

/** exp(-a) sinh(b), |b| <= a. */
function damped_sinh(a, b) {
  const size = Math.abs(b);
  return Math.sign(b) * Math.exp(size - a) * -Math.expm1(-2 * size) / 2;
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
