import { ago, api, ask, at, button, drawn, enter, make, milliseconds, put, tried, when as moment } from "./parts.js";

const me = await enter();

const name = decodeURIComponent(location.pathname.split("/")[2]);
const data = `/data/box/${encodeURIComponent(name)}`;
const DEEDS = {
  doctor: "Run the doctor",
  logs: "Send the log",
  greet: "Say the greeting",
  mute: "Mute the kiosk",
  unmute: "Unmute it",
  restart: "Restart the program",
};
let shown = {};

at("name").textContent = document.title = name;
const asked = (path, body, method) => api(`boxes/${encodeURIComponent(name)}/${path}`, body, method).finally(look);

at("deeds")?.append(
  ...Object.entries(DEEDS).map(([deed, label]) =>
    button(label, () => asked("commands", { do: deed }), at("asked"), `${label}: queued`),
  ),
);

at("send")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const desk = await at("file").files[0].text();
  tried(() => asked("desired", { desk }, "PUT"), at("asked"), "The desk file is signed, and on its way");
});

async function look() {
  let box;
  try {
    box = await ask(data);
  } catch (error) {
    put(at("verdict"), error.message);
    at("verdict").classList.add("bad");
    return;
  }
  const state = box.state === "revoked" ? "Revoked" : box.online ? "Here" : `Not here; heard from ${ago(box.seen, box.now)}`;
  put(at("verdict"), [state, box.site, box.version && `program ${box.version}`, box.began.system].filter(Boolean).join(" · "));
  at("verdict").classList.toggle("bad", !box.online);
  when("figures", [box.health, box.latency, box.today, box.calls], () => showFigures(box));
  when("faults", box.faults, () => {
    at("off").hidden = !box.faults.length;
    at("faults").replaceChildren(...box.faults.map((fault) => entry(fault.since, [fault.cause, fault.why].filter(Boolean).join(": "))));
  });
  when("commands", box.commands, () => at("commands").replaceChildren(...box.commands.map(command)));
  when("desk", [box.desk, box.wanted, box.reported], () => showDesk(box));
  when("calls", box.latest, () => at("calls").replaceChildren(...some(box.latest.map(call))));
  when("timeline", box.timeline, () => at("timeline").replaceChildren(...some(box.timeline.map(happened))));
}

// What is open, focused or selected stays so while nothing has changed.
function when(part, found, draw) {
  const told = JSON.stringify(found);
  if (shown[part] !== told) draw();
  shown[part] = told;
}

const some = (items) => (items.length ? items : [make("li", "Nothing yet.")]);

function showFigures({ health, latency, today, calls, target, outbox }) {
  const all = Object.values(today).reduce((sum, n) => sum + n, 0);
  const failed = (today.failed ?? 0) + (today.crash ?? 0);
  const of = (value, unit) => (value == null ? "–" : `${Math.round(value)} ${unit}`);
  const figures = [
    [calls, "calls now"],
    [failed, `failed today, of ${all}`, failed > 0],
    [milliseconds(latency.p95), `answer, 95 of 100; median ${milliseconds(latency.p50)}`, latency.p95 > target],
    [of(health.temperature, "°C"), health.throttled ? "slowed down" : "heat", health.temperature >= 80 || health.throttled],
    [of(health.cpu, "%"), "processor"],
    [of(health.memory, "%"), "memory", health.memory >= 95],
    [of(health.disk, "%"), "disk", health.disk >= 90],
    [health.signal == null ? "–" : of(health.signal * 100, "%"), "modem's signal"],
    [of(outbox, "s"), "oldest untold", outbox > 600],
  ];
  at("figures").replaceChildren(
    ...figures.map(([value, label, bad]) => {
      const figure = make("div", "", { class: bad ? "figure bad" : "figure" });
      figure.append(make("b", value), make("span", label));
      return figure;
    }),
  );
}

function showDesk({ desk, wanted, reported }) {
  const rows = [["runs", desk || "–"], ["should run", wanted || "what its manager put live"]];
  if (reported.fine === false) rows.push(["refused", reported.why]);
  at("desk").replaceChildren(...rows.flatMap(([term, text]) => [make("dt", term), make("dd", text)]));
}

function entry(then, text, more) {
  const item = make("li");
  const time = make("time", moment(then), {
    datetime: new Date(then).toISOString(),
  });
  item.append(time, text);
  if (more) item.append(more);
  return item;
}

function command({ id, do: deed, at: then, state, result }) {
  const more = result ? make("pre", result) : null;
  const item = entry(then, `${DEEDS[deed] ?? deed}: ${state}`, more);
  if (deed === "logs" && state === "done" && me.may("operator")) {
    const show = make("button", "Show", { type: "button" });
    show.addEventListener("click", async () => {
      const lines = await ask(`${data}/logs/${id}`);
      show.replaceWith(make("pre", lines.join("\n") || "The lines are not here any more."));
    });
    item.append(" ", show);
  }
  return item;
}

function call({ at: then, call: id, channel, outcome, seconds, turns }) {
  const fold = make("details");
  fold.append(make("summary", `${outcome} · ${channel} · ${Math.round(seconds)} s · ${turns ?? 0} turns`));
  fold.addEventListener("toggle", async () => {
    if (fold.open && fold.childElementCount === 1)
      fold.append(waterfall(await ask(`${data}/calls/${encodeURIComponent(id)}`)));
  });
  return entry(then, "", fold);
}

function waterfall(turns) {
  const all = make("div", "", { class: "fall" });
  const most = Math.max(1, ...turns.map(({ heard, wait, spoke }) => (heard ?? 0) + (wait ?? 0) + (spoke ?? 0)));
  for (const { intent, heard, wait, spoke } of turns) {
    const line = make("div");
    const bar = drawn("svg", { viewBox: "0 0 1000 12", preserveAspectRatio: "none", "aria-hidden": "true" });
    let x = 0;
    for (const [kind, length] of Object.entries({ heard, wait, spoke })) {
      const width = (1000 * (length ?? 0)) / most;
      bar.append(drawn("rect", { x, y: 0, width, height: 12, class: kind }));
      x += width;
    }
    line.append(make("span", intent || "–"), bar, make("span", milliseconds(wait), { class: "n" }));
    all.append(line);
  }
  if (!turns.length) all.append(make("span", "Its turns are not here any more."));
  return all;
}

function happened({ at: then, kind, ...told }) {
  const text = {
    began: () => `Started, program ${told.version}, desk file ${told.desk}`,
    fault: () => (told.on ? `${told.what} is on again` : `${told.what} is off: ${told.why}`),
    reported: () => (told.fine ? `Serves desk file ${told.desk}` : `Refused a desk file: ${told.why}`),
    answer: () => `Command ${told.id}: ${told.state}`,
    dropped: () => "Had no room for what it was to tell, and dropped some",
    unanswered: () => (told.text ? `Could not answer: ${told.text}` : "Could not answer a question"),
  };
  return entry(then, text[kind]());
}

look();
setInterval(look, 2000);
