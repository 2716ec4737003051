import { ago, api, ask, at, drawn, enter, make, milliseconds, put, tried, when as moment } from "./parts.js";
import { paging } from "./paging.js";

const me = await enter();

const name = decodeURIComponent(location.pathname.split("/")[2]);
const of = (path) => `boxes/${encodeURIComponent(name)}/${path}`;
const DEEDS = {
  doctor: "Run the doctor",
  logs: "Send the log",
  stream: "Follow the log for 10 minutes",
  greet: "Say the greeting",
  mute: "Mute the kiosk",
  unmute: "Unmute it",
  lock: "Lock the desk",
  unlock: "Unlock it",
  renew: "Renew its certificate",
  restart: "Restart the program",
};
// What callers would feel is asked about first.
const SURE = {
  lock: `Turn away whoever calls ${name}, until it is unlocked?`,
  restart: `Start ${name} again, once no call is under way?`,
};
const LIST = 10;
const shown = {};

at("name").textContent = document.title = name;

at("deeds")?.append(
  ...Object.entries(DEEDS).map(([deed, label]) => {
    const made = make("button", label, { type: "button" });
    made.addEventListener("click", () => order(deed));
    return made;
  }),
);

async function order(deed) {
  if (SURE[deed] && !(await sure(SURE[deed]))) return;
  await tried(() => api(of("commands"), { do: deed }), at("asked"), `${DEEDS[deed]}: queued`);
  await commands.turn(0);
}

function sure(question) {
  put(at("sure-title"), question);
  at("sure").returnValue = "";
  at("sure").showModal();
  return new Promise((done) => at("sure").addEventListener("close", () => done(at("sure").returnValue), { once: true }));
}

at("send")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const desk = await at("file").files[0].text();
  tried(() => api(of("desired"), { desk }, "PUT").finally(look), at("asked"), "The desk file is signed, and on its way");
});

async function look() {
  let box;
  try {
    box = await ask(`/data/box/${encodeURIComponent(name)}`);
  } catch (error) {
    put(at("verdict"), error.message);
    at("verdict").classList.add("bad");
    return;
  }
  const { locked, muted } = box.health;
  const state = box.state === "revoked" ? "Revoked" : box.online ? "Here" : `Not here; heard from ${ago(box.seen, box.now)}`;
  const told = [state, locked && "locked: callers are turned away", muted && "the kiosk is muted", box.site];
  put(at("verdict"), [...told, box.version && `program ${box.version}`, box.began.system].filter(Boolean).join(" · "));
  at("verdict").classList.toggle("bad", !box.online || Boolean(locked));
  if (at("revoke")) at("revoke").hidden = box.state === "revoked";
  changed("figures", [box.health, box.latency, box.today, box.calls], () => showFigures(box));
  changed("faults", box.faults, () => {
    at("off").hidden = !box.faults.length;
    at("faults").replaceChildren(...box.faults.map((fault) => entry(fault.since, [fault.cause, fault.why].filter(Boolean).join(": "))));
  });
  changed("desk", [box.desk, box.wanted, box.reported, box.wished], () => showDesk(box));
}

// What is open, focused or selected stays so while nothing has changed.
function changed(part, found, draw) {
  const told = JSON.stringify(found);
  if (shown[part] !== told) draw();
  shown[part] = told;
}

function listed(id, path, item) {
  return paging(async (page) => {
    const found = await api(`${of(path)}?page=${page}&size=${LIST}`);
    changed(id, [page, found.items], () =>
      at(id).replaceChildren(...(found.items.length ? found.items.map(item) : [make("li", "Nothing yet.")])),
    );
    return found;
  }, at(`${id}-pages`));
}

const commands = listed("commands", "commands", command);
const calls = listed("calls", "calls", call);
const timeline = listed("timeline", "timeline", happened);

function showFigures({ health, latency, today, calls: now, target, outbox }) {
  const all = Object.values(today).reduce((sum, n) => sum + n, 0);
  const failed = (today.failed ?? 0) + (today.crash ?? 0);
  const round = (value, unit) => (value == null ? "–" : `${Math.round(value)} ${unit}`);
  const figures = [
    [now, "calls now"],
    [failed, `failed today, of ${all}`, failed > 0],
    [milliseconds(latency.p95), `answer, 95 of 100; median ${milliseconds(latency.p50)}`, latency.p95 > target],
    [round(health.temperature, "°C"), health.throttled ? "slowed down" : "heat", health.temperature >= 80 || health.throttled],
    [round(health.cpu, "%"), "processor"],
    [round(health.memory, "%"), "memory", health.memory >= 95],
    [round(health.disk, "%"), "disk", health.disk >= 90],
    [health.signal == null ? "–" : round(health.signal * 100, "%"), "modem's signal"],
    [round(outbox, "s"), "oldest untold", outbox > 600],
    [health.uptime == null ? "–" : ago(1, 1 + 1000 * health.uptime).replace(" ago", ""), "since its start"],
  ];
  at("figures").replaceChildren(
    ...figures.map(([value, label, bad]) => {
      const figure = make("div", "", { class: bad ? "figure bad" : "figure" });
      figure.append(make("b", value), make("span", label));
      return figure;
    }),
  );
}

function showDesk({ desk, wanted, reported, wished, serial, wanted_serial }) {
  const rows = [["runs", desk || "–"], ["should run", wanted || "what its manager put live"]];
  rows.push(["has", reported.version ? `version ${reported.version}, ${reported.hash}` : "no bundle of the fleet"]);
  if (wished) rows.push(["should have", `version ${wished.version}${wished.name ? `, ${wished.name}` : ""}`]);
  const state = {
    fetching: `fetches it: ${reported.done} % is here`,
    trying: `a candidate, for ${reported.share} % of the callers`,
    applied: "has applied it",
    undone: "has gone back to what it was before",
  }[reported.state];
  if (wanted_serial > serial && reported.state !== "fetching") rows.push(["state", "has not answered yet"]);
  else if (state) rows.push(["state", state]);
  if (reported.fine === false) rows.push([reported.state === "ended" ? "ended by itself" : "refused", reported.why]);
  at("desk").replaceChildren(
    ...rows.flatMap(([term, text]) => [make("dt", term), make("dd", text, term === "refused" ? { class: "bad" } : {})]),
  );
}

function entry(then, ...parts) {
  const item = make("li");
  item.append(make("time", moment(then), { datetime: new Date(then).toISOString() }), ...parts);
  return item;
}

function command({ id, do: deed, at: then, state, result }) {
  const label = make("span", state, { class: ["failed", "expired"].includes(state) ? "state bad" : "state" });
  const item = entry(then, `${DEEDS[deed] ?? deed} `, label);
  if (result) item.append(make("pre", result));
  const there = (deed === "logs" && state === "done") || (deed === "stream" && ["running", "done"].includes(state));
  if (there && me.may("operator")) item.append(" ", logOf(id, state === "running"));
  return item;
}

// The lines of the log that a command asked for, by the page; while it is followed they come by themselves.
const logs = {};

function logOf(id, follows) {
  const known = (logs[id] ??= { last: 0, open: false, busy: false, lines: make("pre", "", { class: "pre", tabindex: 0 }) });
  const more = make("button", known.open ? "More" : "Show", { type: "button" });
  more.addEventListener("click", () => readOn(id));
  Object.assign(known, { follows, more });
  known.lines.hidden = !known.open;
  if (known.open) readOn(id);
  const both = make("span");
  both.append(more, known.lines);
  return both;
}

async function readOn(id) {
  const known = logs[id];
  const { lines } = known;
  if (known.busy) return;
  [known.busy, known.open, lines.hidden] = [true, true, false];
  let found = { lines: [], last: known.last, more: false };
  try {
    found = await api(`${of(`logs/${id}`)}?after=${known.last}`);
  } catch (error) {
    if (!known.follows && !known.last) put(lines, error.message);
  }
  const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
  lines.append(...found.lines.map((line) => `${line}\n`));
  if (atEnd && known.follows) lines.scrollTop = lines.scrollHeight;
  Object.assign(known, { busy: false, last: found.last });
  [known.more.textContent, known.more.hidden] = ["More", !found.more];
}

function call({ at: then, call: id, channel, outcome, seconds, turns }) {
  const fold = make("details");
  fold.append(make("summary", `${outcome} · ${channel} · ${Math.round(seconds)} s · ${turns ?? 0} turns`));
  fold.addEventListener("toggle", async () => {
    if (!fold.open || fold.childElementCount > 1) return;
    try {
      const found = await api(of(`calls/${encodeURIComponent(id)}/turns`));
      fold.append(waterfall(found.turns));
    } catch (error) {
      fold.append(make("p", error.message, { class: "why" }));
    }
  });
  return entry(then, fold);
}

function waterfall(turns) {
  const all = make("div", "", { class: "fall" });
  const most = Math.max(1, ...turns.map(({ heard, wait, spoke }) => (heard ?? 0) + (wait ?? 0) + (spoke ?? 0)));
  for (const { intent, heard, wait, decided, spoke } of turns) {
    const told = [
      heard && `the caller spoke for ${milliseconds(heard)}`,
      wait && `waited ${milliseconds(wait)}${decided ? `, of which deciding took ${milliseconds(decided)}` : ""}`,
      spoke && `the desk spoke for ${milliseconds(spoke)}`,
    ].filter(Boolean).join("; ");
    const bar = drawn("svg", { viewBox: "0 0 1000 12", preserveAspectRatio: "none", role: "img", "aria-label": told });
    let x = 0;
    for (const [kind, length] of Object.entries({ heard, wait, spoke })) {
      const width = (1000 * (length ?? 0)) / most;
      bar.append(drawn("rect", { x, y: 0, width, height: 12, class: kind }));
      x += width;
    }
    const line = make("div", "", { title: told });
    line.append(make("span", intent || "–"), bar, make("span", milliseconds(wait), { class: "n" }));
    all.append(line);
  }
  return all;
}

function happened({ at: then, kind, ...told }) {
  const text = {
    began: () => `Started, program ${told.version}, desk file ${told.desk}`,
    fault: () => (told.on ? `${told.what} is on again` : `${told.what} is off: ${told.why}`),
    reported: () => (told.fine ? `Serves desk file ${told.desk}` : `Refused a desk file: ${told.why}`),
    answer: () => `${DEEDS[told.do] ?? "A command"}: ${told.state}`,
    dropped: () => "Had no room for what it was to tell, and dropped some",
    unanswered: () => (told.text ? `Could not answer: ${told.text}` : "Could not answer a question"),
  };
  return entry(then, text[kind]());
}

look();
for (const list of [commands, calls, timeline]) list.draw();
setInterval(look, 2000);
setInterval(() => {
  commands.draw();
  for (const [id, { open, follows }] of Object.entries(logs)) if (open && follows) readOn(id);
}, 2000);
setInterval(() => [calls, timeline].forEach((list) => list.draw()), 6000);
