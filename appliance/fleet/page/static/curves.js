// How a box did over a day, a week or a month, as uPlot draws it; the same in numbers for who does not see it.
import { api, at, make, milliseconds, put, tried } from "./parts.js";

const { uPlot } = window;
const name = decodeURIComponent(location.pathname.split("/")[2]);
const RANGES = { day: "A day", week: "A week", month: "30 days" };
const HOUR = 3600000;
// Seconds between two marks: hours on a day, whole days on more.
const STEPS = { day: [1, 2, 3, 4, 6, 12].map((n) => n * 3600), week: [1, 2, 3].map((n) => n * 86400), month: [2, 5, 10].map((n) => n * 86400) };

const percent = (value) => (value == null ? "–" : `${value} %`);
const degrees = (value) => (value == null ? "–" : `${value} °C`);
const plain = (value) => (value == null ? "–" : value.toLocaleString("en"));

// Each chart: what it is of, its unit on the axis, and its lines.
const CHARTS = [
  ["How soon answers began", "ms", [
    ["p50", "median", "--green", milliseconds],
    ["p95", "95 of 100", "--brass", milliseconds],
    ["target", "target", "--red", milliseconds, { dash: [5, 5], width: 1.5 }],
  ]],
  ["Calls", "", [
    ["calls", "calls", "--green", plain, { bars: true }],
    ["failed", "failed", "--red", plain, { bars: true }],
  ]],
  ["How the machine was", "", [
    ["temperature", "heat, the highest", "--red", degrees],
    ["cpu", "processor", "--green", percent],
    ["memory", "memory", "--brass", percent],
  ]],
];

const dark = matchMedia("(prefers-color-scheme: dark)");
let range = "day";
let found = null;
let drawn = [];

const buttons = Object.entries(RANGES).map(([each, label]) => {
  const made = make("button", label, { type: "button", "aria-pressed": each === range });
  made.addEventListener("click", () => choose(each));
  return made;
});
at("ranges").append(...buttons);

async function choose(each) {
  range = each;
  buttons.forEach((made, number) => made.setAttribute("aria-pressed", Object.keys(RANGES)[number] === each));
  await tried(async () => {
    const asked = await api(`boxes/${encodeURIComponent(name)}/curves?range=${each}`);
    // The one that was asked for last counts.
    if (asked.range === range) show(asked);
  }, at("curves-said"), "");
}

function show(told) {
  found = { ...told, target: told.at.map(() => told.target) };
  draw();
  const lines = CHARTS.flatMap(([, , each]) => each).filter(([key]) => key !== "target");
  at("numbers").replaceChildren(...lines.map(numbers));
}

function numbers([key, , , said]) {
  const made = make("tr");
  const known = found[key].filter((value) => value != null);
  const what = { p50: "Answer, median", p95: "Answer, 95 of 100", calls: `Calls in ${hours()}`, failed: "Of these failed", temperature: "Heat, the highest", cpu: "Processor, on average", memory: "Memory, on average" }[key];
  made.append(make("th", what, { scope: "row" }));
  const values = known.length ? [known.at(-1), Math.min(...known), Math.max(...known)] : [null, null, null];
  made.append(...values.map((value) => make("td", said(value), { class: "n" })));
  return made;
}

const hours = () => (found.step === HOUR ? "an hour" : `${found.step / HOUR} hours`);

function draw() {
  drawn.forEach((chart) => chart.destroy());
  drawn = [];
  at("curves").replaceChildren(...CHARTS.map(([title, unit, lines]) => chart(title, unit, lines)));
}

function chart(title, unit, lines) {
  const figure = make("figure");
  const shown = title === "Calls" ? `Calls in ${hours()}` : title;
  figure.append(make("figcaption", unit ? `${shown}, ${unit}` : shown));
  const data = [found.at.map((then) => then / 1000), ...lines.map(([key]) => found[key])];
  if (!data.slice(1).some((line, n) => lines[n][0] !== "target" && line.some((value) => value != null))) {
    figure.append(make("p", "Nothing was told in this time.", { class: "why" }));
    return figure;
  }
  const frame = make("div", "", { role: "img", "aria-label": said(shown, lines) });
  figure.append(frame);
  // It takes the width of where it stands, which is known once it stands there.
  requestAnimationFrame(() => {
    if (frame.isConnected) drawn.push(new uPlot(options(lines, frame), data, frame));
  });
  return figure;
}

const last = (key) => found[key].findLast((value) => value != null);

function said(title, lines) {
  const values = lines.map(([key, label, , words]) => `${label} ${words(last(key))}`);
  return `${title}: last ${values.join(", ")}. All of it is below, in numbers.`;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

function options(lines, frame) {
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
  return {
    width: frame.clientWidth,
    height: 190,
    cursor: { y: false, drag: { x: false, y: false } },
    // Half of the last mark stands beyond the plot.
    padding: [12, 34, 0, 0],
    legend: { live: true },
    // A bar stands on the hours from its mark on: the last one, too, has room.
    scales: { x: { range: (_, low, high) => [low, high + found.step / 1000] }, y: { range: (_, low, high) => [0, Math.max(high * 1.1, 1)] } },
    axes: [
      { ...axis, space: 70, incrs: STEPS[range], values: (_, times) => times.map(label) },
      { ...axis, size: 52, values: (_, values) => values.map((value) => (Number.isInteger(value) ? plain(value) : "")) },
    ],
    series: [
      { label: "from", value: (_, then) => (then == null ? "the last" : moment(then)) },
      ...lines.map(([key, name, of, words, { bars, ...more } = {}]) => ({
        label: name,
        stroke: colour(of),
        width: 2,
        points: { show: true, size: 5, fill: colour(of), filter: alone },
        value: (_, value, __, n) => words(n == null ? last(key) : value),
        ...(bars && { paths: uPlot.paths.bars({ size: [0.8, 24], align: 1 }), fill: colour(of), width: 0, points: { show: false } }),
        ...more,
      })),
    ],
  };
}

// Which points are drawn as such: one that has no neighbour has no line either.
function alone(chart, line) {
  const values = chart.data[line];
  return [...values.keys()].filter((n) => values[n] != null && values[n - 1] == null && values[n + 1] == null);
}

const moment = (then) => new Date(then * 1000).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });

const label = (then) => {
  const date = new Date(then * 1000);
  const hour = date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  return range === "day" ? hour : date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
};

new ResizeObserver(() => {
  for (const each of drawn) {
    const width = each.root.parentElement.clientWidth;
    if (width !== each.width) each.setSize({ width, height: each.height });
  }
}).observe(at("curves"));

dark.addEventListener("change", () => found && draw());

put(at("curves-said"), "Looking…");
choose(range);
