// The page: numbers from the sliders, the fixed point from them, two charts.

const DATA = JSON.parse(document.getElementById("live-data").textContent);
const DIGITS = 6;
const CURVE = 100;
const STARTS = [0, 0.5, 0.99];
const COLOURS = ["#2a86c4", "#dc6a12", "#0f9d76", "#7b8591"];
const state = Object.fromEntries(DATA.sliders.map((slider) => [slider.name, slider.value]));

/** The point that the solver takes, of what the sliders say. */
function pointOf(values) {
  if (DATA.kind.isChain) return { sigma_m2: values.sigma_m2 ?? DATA.kind.fixedMeans, sigma_b2: values.sigma_b2 };
  const gain = DATA.kind.ownGain === null ? 1 : values.gain / DATA.kind.ownGain;
  const open = DATA.kind.parameters.map((name) => values[name]);
  return { sigma_m2: values.sigma_m2 ?? DATA.kind.fixedMeans, sigma_b2: values.sigma_b2, scale: gain * gain, open };
}

/** A number for people. */
function shown(value) {
  if (value === Infinity) return "∞";
  if (value === -Infinity) return "−∞";
  return String(Number(value.toPrecision(DIGITS))).replace("-", "−");
}

/** A number of layers, for a sentence. */
function layers(scale) {
  return shown(Number((6 * scale).toPrecision(2)));
}

/** The fixed point of what the numbers say. */
function solved(point) {
  return DATA.kind.isChain ? fixedPointOfChain(MAPS, DATA.kind, point) : fixedPoint(MAPS, DATA.kind, point);
}

/** The profile of a chain, and what its charts need of the layer they show. */
function profileNow() {
  return profileOfChain(MAPS, DATA.kind, pointOf(state), Math.round(state.depth), STARTS);
}

/** What gradients do, in words. */
function gradientWords(found) {
  if (found.chi_g === undefined) return "";
  if (!(found.xi_g > 0 || found.xi_g < 0)) return "";
  if (Math.abs(found.xi_g) === Infinity) return " Gradients keep their size.";
  return ` Squared gradients ${found.xi_g > 0 ? "grow" : "vanish"} by e every ${shown(Number(Math.abs(found.xi_g).toPrecision(2)))} layers on their way back.`;
}

/** What the fixed point means, in words. */
function words(found) {
  if (found === null && DATA.kind.isChain) return `Layers come to no fixed point: what they carry changes with depth. The map is that of layer ${Math.round(state.depth)}.`;
  if (found === null) return "No stable fixed point is found here: choose other numbers.";
  return forwardWords(found) + gradientWords(found);
}

/** What becomes of inputs, in words. */
function forwardWords(found) {
  if (found.c === 1 && found.chi_1 <= 1) {
    const kept = found.phase === "critical" ? "and at criticality they do so slowly: signals reach any depth" : `within about ${layers(found.xi_c)} layers (six depth scales) two inputs are hardly told apart any more`;
    return `Ordered: inputs come to be alike, ${kept}.`;
  }
  const kind = found.phase === "chaotic" ? "Chaotic: inputs that are nearly equal part" : "Equal inputs part, by the noise of the network";
  return `${kind}; all come to correlation ${shown(found.c)}, and within about ${layers(found.xi_c)} layers (six depth scales) are hardly told apart any more.`;
}

/** The correlation map as columns for uPlot: c, c, c', and the fixed point alone. */
function mapColumns(found, followed) {
  const grid = Array.from({ length: CURVE + 1 }, (_, k) => k / CURVE);
  if (found === null) return [grid, grid, grid.map((c) => followed ? finite(1 - followed.gap(1 - c)) : null), grid.map(() => null)];
  const at = found.c >= 0 && !grid.includes(found.c) ? [...grid, found.c].sort((a, b) => a - b) : grid;
  const curve = at.map((c) => 1 - found.at.gap(1 - c, found.q));
  return [at, at, curve, at.map((c) => c === found.c ? c : null)];
}

/** A number that can be drawn, or null. */
function finite(value) {
  return Number.isFinite(value) ? value : null;
}

/** Correlations over layers as columns for uPlot. */
function depthColumns(found, followed) {
  if (followed) return [followed.q.map((_, k) => k), ...followed.c.map((each) => each.map(finite)), followed.q.map(() => found === null ? null : found.c)];
  const layers = found === null || !(found.xi_c > 0) ? 10 : Math.min(Math.max(Math.ceil(6 * found.xi_c), 10), 100);
  const numbers = Array.from({ length: layers + 1 }, (_, k) => k);
  if (found === null) return [numbers, ...STARTS.map(() => numbers.map(() => null)), numbers.map(() => null)];
  return [numbers, ...STARTS.map((c0) => orbit({ gap: found.at.gap, after: () => found.q }, layers, c0, found.q).c), numbers.map(() => found.c)];
}

/** A colour of the page, which follows the scheme of the reader. */
function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The label of a tick of a logarithmic axis: powers of ten alone. */
function decade(tick) {
  const power = tick === null ? NaN : Math.round(Math.log10(tick));
  if (!(Math.abs(tick / Math.pow(10, power) - 1) < 1e-9)) return "";
  return Math.abs(power) < 4 ? String(Number(tick.toPrecision(3))) : `1e${power}`.replace("-", "−");
}

/** A chart in an element, as wide as that is. */
function chart(id, label, series, scales) {
  const element = document.getElementById(id);
  const axis = { stroke: () => ink("--soft"), grid: { stroke: () => ink("--line"), width: 1 }, ticks: { stroke: () => ink("--line") } };
  const options = {
    width: Math.max(element.clientWidth, 200), height: 320, scales, legend: { live: true },
    axes: [{ ...axis, label: label.x, labelSize: 22 }, { ...axis, label: label.y, labelSize: 22, ...(scales.y.distr === 3 ? { size: 64, values: (_, ticks) => ticks.map(decade) } : {}) }],
    pxAlign: 0, series: [{ label: label.x, value: (_, value) => value === null ? "" : shown(value) }, ...series.map((each) => ({ pxAlign: 0, ...each, value: (_, value) => value === null || value === undefined ? "" : shown(value) }))],
    cursor: { drag: { x: false, y: false } },
  };
  const drawn = new uPlot(options, [[0, 1], ...series.map(() => [null, null])], element);
  new ResizeObserver(() => drawn.setSize({ width: Math.max(element.clientWidth, 200), height: 320 })).observe(element);
  return drawn;
}

const mapChart = chart("map-chart", { x: "c", y: "c′" }, [
  { label: "c′ = c", stroke: COLOURS[3], dash: [5, 5], points: { show: false } },
  { label: "c′", stroke: COLOURS[0], width: 2, points: { show: false } },
  { label: "c*", stroke: COLOURS[1], points: { show: true, size: 11, fill: COLOURS[1] } },
], { x: { time: false, range: [0, 1] }, y: { range: (_, low, high) => [Math.min(low ?? 0, 0), Math.max(high ?? 1, 1)] } });
const depthChart = chart("depth-chart", { x: "layer", y: "c" }, [
  ...STARTS.map((c0, k) => ({ label: `from ${c0}`, stroke: COLOURS[k], width: 2, points: { show: true, size: 4 } })),
  { label: "c*", stroke: COLOURS[3], dash: [5, 5], points: { show: false } },
], { x: { time: false }, y: { range: (_, low, high) => [Math.min(low ?? 0, 0), Math.max(high ?? 1, 1)] } });
const gradientChart = document.getElementById("gradient-chart") && chart("gradient-chart", { x: "layer", y: "squared gradient, relative to the last" }, [
  { label: "gradient", stroke: COLOURS[1], width: 2, points: { show: true, size: 4 } },
], { x: { time: false }, y: { distr: 3 } });

/** The page as the numbers are: fixed point, words, charts. */
function redraw() {
  const start = performance.now();
  const found = solved(pointOf(state));
  const followed = DATA.kind.isChain ? profileNow() : null;
  for (const element of document.querySelectorAll("[id^=value-]")) {
    const value = found === null ? "–" : found[element.id.slice("value-".length)];
    element.textContent = typeof value === "number" ? shown(value) : value ?? "–";
    element.dataset.value = String(value);
  }
  document.getElementById("said").textContent = words(found);
  const columns = mapColumns(found, followed);
  mapChart.setData(columns);
  depthChart.setData(depthColumns(found, followed));
  if (gradientChart) gradientChart.setData([followed.q.map((_, k) => k), followed.gradient.map((each) => each > 0 ? finite(each) : null)]);
  document.getElementById("map-chart").setAttribute("aria-label", found === null ? "no correlation map" : `the correlation map meets c at ${shown(found.c)} with slope ${shown(found.chi)}`);
  window.meanbits = { maps: MAPS, kind: DATA.kind, state, found, followed, columns };
  queueMicrotask(() => { document.documentElement.dataset.redraw = String(performance.now() - start); });
}

let pending = false;

/** Once a frame, however often the numbers change. */
function changed(name, value, other) {
  state[name] = value;
  other.value = String(value);
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => { pending = false; redraw(); });
}

for (const slider of DATA.sliders) {
  const [range, exact] = [document.getElementById(`slide-${slider.name}`), document.getElementById(`at-${slider.name}`)];
  range.addEventListener("input", () => changed(slider.name, Number(range.value), exact));
  exact.addEventListener("input", () => {
    if (exact.value !== "" && exact.checkValidity()) changed(slider.name, Number(exact.value), range);
  });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw());
redraw();
document.documentElement.dataset.ready = String(performance.now());
