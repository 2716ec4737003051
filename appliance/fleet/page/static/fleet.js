import { ago, api, ask, at, button, count, drawn, enter, make, milliseconds, put } from "./parts.js";
import { DEEDS, STATES, gates } from "./gates.js";
import { paging } from "./paging.js";

const me = await enter();

const pages = paging(list);
let listed = "";

const events = new EventSource("/events");
events.addEventListener("message", ({ data }) => show(JSON.parse(data)));
events.addEventListener("error", () => {
  put(at("verdict"), "The fleet's server does not answer");
  at("verdict").classList.add("bad");
});

function show(fleet) {
  if (!fleet.now) return;
  const calls = Object.values(fleet.today).reduce((sum, n) => sum + n, 0);
  put(at("calls"), fleet.calls);
  put(at("failed"), fleet.failed);
  put(at("of-calls"), `failed today, of ${calls.toLocaleString("en")} calls`);
  put(at("median"), milliseconds(fleet.latency.p50));
  put(at("slow"), milliseconds(fleet.latency.p95));
  put(at("target"), `95 of 100, last hour; target ${fleet.target} ms`);
  put(at("online"), fleet.online);
  put(at("of-boxes"), `of ${fleet.boxes.toLocaleString("en")} boxes here`);
  at("failed-figure").classList.toggle("bad", fleet.failed > 0);
  at("slow-figure").classList.toggle("bad", fleet.latency.p95 > fleet.target);
  at("online-figure").classList.toggle("bad", fleet.online < fleet.boxes);
  const first = fleet.attention.find(({ acked_by: by, quiet }) => !by && !quiet);
  const known = fleet.attention.length ? "Nothing that nobody has in hand" : "Everything is all right";
  const well = fleet.boxes ? known : "No box is of this fleet yet: appliance fleet invite NAME";
  put(at("verdict"), first ? `First: ${first.cause}${first.boxes ? `, ${count(first.boxes, "box", "boxes")}` : ""}` : well);
  at("verdict").classList.toggle("bad", Boolean(first));
  showCauses(fleet);
  showRollout(fleet.rollout);
  showHours(fleet);
  at("counters").replaceChildren(
    ...Object.entries(fleet.counters).flatMap(([name, n]) => [make("dt", name), make("dd", n.toLocaleString("en"))]),
  );
}

let rolled = "";

function showRollout(told) {
  at("rollout").hidden = !told;
  if (!told) return;
  const { now, ...rest } = told;
  const text = JSON.stringify(rest);
  if (text === rolled) return;
  rolled = text;
  put(at("rollout-name"), `Rollout: ${told.bundle.name}`);
  at("rollout-name").href = `/rollout/${told.id}`;
  const wave = `wave ${told.wave + 1} of ${told.plan.waves.length}; ${told.wrong} of ${count(told.answered, "call", "calls")} went wrong, on ${told.hit} of ${count(told.had, "box", "boxes")} that had it`;
  put(at("rollout-state"), `It ${STATES[told.state]}${told.why ? `: ${told.why}` : ""}; ${wave}`);
  at("rollout-state").classList.toggle("bad", ["failed", "undoing"].includes(told.state));
  at("gates").replaceChildren(gates(told.gates, told));
  const stop = at("stop");
  if (stop) [stop.hidden, stop.dataset.rollout] = [!DEEDS.stop[0].includes(told.state), told.id];
}

at("stop")?.addEventListener("click", async () => {
  try {
    await api(`rollouts/${at("stop").dataset.rollout}/steer`, { do: "stop" });
    put(at("rollout-state"), "It is being taken back");
  } catch (error) {
    put(at("rollout-state"), error.message);
  }
});

let causes = "";

function showCauses({ attention, now }) {
  // The focus stays where it is while nothing has changed.
  const told = JSON.stringify(attention);
  if (told === causes) return;
  causes = told;
  const items = attention.map(({ rule, cause, boxes, since, why, named, places, acked_by: by, note, quiet }) => {
    const item = make("li", "", by || quiet ? { class: "quiet" } : {});
    const names = make("span", "", { class: "why" });
    named.forEach((name, number) => {
      names.append(number ? ", " : "", make("a", name, { href: `/box/${name}` }));
    });
    if (boxes > named.length) names.append(` and ${(boxes - named.length).toLocaleString("en")} more`);
    if (since) names.append(`; ${ago(since, now)}`);
    if (places > 1) names.append(`; ${places.toLocaleString("en")} sites`);
    if (why) names.append(`; ${why}`);
    if (by) names.append(`; ${by} has it in hand${note && `: ${note}`}`);
    if (quiet) names.append("; nobody is told");
    if (!by && me.may("operator")) {
      const all = () => api("attention/acknowledgement", { rule, cause });
      names.append(" ", button("Take in hand", all, at("said"), `${cause}: you have it in hand`));
    }
    item.append(make("span", boxes ? boxes.toLocaleString("en") : "!", { class: "n" }), make("span", cause), names);
    return item;
  });
  at("causes").replaceChildren(...(items.length ? items : [make("li", "Nothing.", { class: "well" })]));
}

function showHours({ hours, target, now }) {
  const most = Math.max(target * 1.3, ...hours.map(({ p95 }) => p95 * 1.05));
  const width = at("latency").clientWidth;
  const x = (then) => 46 + ((width - 52) * (then - (now - 86400000))) / 86400000;
  const y = (wait) => 160 - (146 * wait) / most;
  const parts = [0, 0.5, 1].map((share) => {
    const label = drawn("text", { x: 40, y: y(most * share) + 4, "text-anchor": "end" });
    label.textContent = Math.round(most * share);
    return label;
  });
  parts.push(drawn("line", { x1: 46, x2: width - 6, y1: y(0), y2: y(0), class: "rule" }));
  parts.push(drawn("line", { x1: 46, x2: width - 6, y1: y(target), y2: y(target), class: "target" }));
  for (const name of ["p50", "p95"]) {
    const points = hours.map((hour) => `${x(Math.max(hour.at, now - 86400000)).toFixed(1)},${y(hour[name]).toFixed(1)}`);
    // An hour alone is drawn as a short line.
    if (points.length === 1) points.push(`${x(now).toFixed(1)},${points[0].split(",")[1]}`);
    parts.push(drawn("polyline", { points: points.join(" "), class: name }));
  }
  at("latency").replaceChildren(...parts);
}

async function list(page) {
  const found = await ask(`/data/boxes?page=${page}&q=${encodeURIComponent(at("text").value)}`);
  const turned = { pages: found.pages, more: page + 1 < found.pages, of: count(found.total, "box", "boxes") };
  const told = JSON.stringify(found.boxes.map((box) => ({ ...box, seen: !box.online && ago(box.seen, found.now) })));
  if (told === listed) return turned;
  listed = told;
  const focused = document.activeElement?.closest?.("#boxes")?.contains(document.activeElement)
    ? document.activeElement.getAttribute("href")
    : null;
  at("boxes").replaceChildren(...found.boxes.map((box) => row(box, found.now)));
  if (focused) document.querySelector(`#boxes a[href="${focused}"]`)?.focus();
  return turned;
}

function row(box, now) {
  const made = make("tr");
  const name = make("th", "", { scope: "row" });
  name.append(make("a", box.name, { href: `/box/${box.name}` }));
  const cell = (text, bad = false, kind = "n") => make("td", text ?? "–", { class: `${kind}${bad ? " bad" : ""}` });
  const other = box.wanted && box.wanted !== box.desk;
  made.append(
    name,
    cell(box.site, false, ""),
    cell(box.online ? "here" : ago(box.seen, now), !box.online, ""),
    cell(box.calls),
    cell(box.today),
    cell(box.failed, box.failed > 0),
    cell(box.faults, box.faults > 0),
    cell(box.temperature == null ? null : `${Math.round(box.temperature)} °C`, box.temperature >= 80),
    cell(other ? `${box.desk}, should be ${box.wanted}` : box.desk, other, ""),
  );
  return made;
}

let waiting = 0;

at("text").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => pages.turn(0), 150);
});
at("search").addEventListener("submit", (event) => event.preventDefault());

// Another page may lead to the boxes of a site.
at("text").value = new URLSearchParams(location.search).get("q") ?? "";
pages.draw();
setInterval(pages.draw, 5000);
