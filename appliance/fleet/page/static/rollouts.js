// Rollouts that are, were and will be; an admin begins another.
import { api, at, count, enter, make, put, tried, when } from "./parts.js";
import { STATES } from "./gates.js";
import { paging } from "./paging.js";

const me = await enter();
const OPEN = ["scheduled", "running", "waiting", "paused", "undoing"];
let shown = "";

const pages = paging(async (page) => {
  const found = await api(`rollouts?page=${page}&size=10`);
  const told = JSON.stringify(found.items.map(({ now, ...rest }) => rest));
  if (told !== shown) at("rollouts").replaceChildren(...(found.items.length ? found.items.map(item) : [make("li", "None yet.")]));
  shown = told;
  const open = found.items.filter(({ state }) => OPEN.includes(state)).length;
  if (page === 0) put(at("verdict"), open ? `${count(open, "goes", "go")} on` : "None goes on");
  return found;
});

function item({ id, bundle, state, why, begins, wave, plan, sent, answered, wrong }) {
  const made = make("li");
  made.append(make("time", when(begins), { datetime: new Date(begins).toISOString() }));
  made.append(make("a", `${id}: ${bundle.name}`, { href: `/rollout/${id}` }));
  const bad = ["failed", "undoing"].includes(state) ? "bad" : "";
  made.append(" ", make("span", `${STATES[state] ?? state}${why ? `: ${why}` : ""}`, { class: bad }));
  const calls = answered ? `; ${wrong} of ${count(answered, "call", "calls")} went wrong` : "";
  made.append(make("div", `wave ${wave + 1} of ${plan.waves.length}; ${count(sent, "box has", "boxes have")} it${calls}; ${plan.site || "all boxes"}`, { class: "why" }));
  return made;
}

async function choices() {
  const [bundles, sites] = await Promise.all([api("bundles?size=50"), api("sites?size=500")]);
  at("bundle").replaceChildren(
    make("option", "a new one, of a desk file", { value: "" }),
    ...bundles.items.map(({ version, name, hash }) => make("option", `${version}: ${name}, ${hash}`, { value: version })),
  );
  at("site").append(...sites.items.filter(({ site }) => site).map(({ site }) => make("option", site)));
  choose();
}

function choose() {
  at("file-label").hidden = at("bundle").value !== "";
  at("file").required = !at("file-label").hidden;
}

async function begin() {
  let version = Number(at("bundle").value);
  if (!version) {
    const [file] = at("file").files;
    ({ version } = await api("bundles", { name: file.name, desk: await file.text() }));
  }
  const asked = {
    bundle: version,
    waves: at("waves").value.split(",").map((wave) => wave.split(":").map(Number)),
    soak: 60 * at("soak").valueAsNumber,
    calls: at("calls").valueAsNumber,
    approve: at("approve").checked,
    site: at("site").value,
  };
  if (at("begins").value) asked.begins = new Date(at("begins").value).getTime();
  const { id } = await api("rollouts", asked);
  location.assign(`/rollout/${id}`);
}

at("bundle")?.addEventListener("change", choose);
at("begin")?.addEventListener("submit", (event) => {
  event.preventDefault();
  tried(begin, at("asked"), "It begins");
});

pages.draw();
setInterval(pages.draw, 5000);
if (me.may("admin")) choices();
