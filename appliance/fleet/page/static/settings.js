import { api, at, button, enter, make, put, tried } from "./parts.js";
import { paging } from "./paging.js";

await enter();
const told = at("verdict");

const pages = paging(async (page) => {
  const found = await api(`sites?page=${page}&size=50`);
  at("sites").replaceChildren(...found.items.map(site));
  return found;
});

function site({ site: name, group, boxes }) {
  const made = make("tr");
  const field = make("input", "", { value: group, maxlength: 32, placeholder: "none", "aria-label": `Group of ${name}` });
  const assign = () => api("sites", { sites: [name], group: field.value.trim() }, "PUT");
  field.addEventListener("change", () => tried(assign, told, `${name}: ${field.value.trim() || "no group"}`));
  const cell = make("td");
  cell.append(name ? field : "–");
  made.append(make("th", name || "(no site)", { scope: "row" }), make("td", boxes, { class: "n" }), cell);
  return made;
}

async function routes() {
  const { items } = await api("routes");
  const none = [make("li", "Nobody. What needs attention is shown on the page, and told to none.")];
  at("routes").replaceChildren(...(items.length ? items.map(route) : none));
}

function route({ name, kind, target, groups }) {
  const made = make("li", `${name}: ${kind} to ${target}, ${groups ? groups.join(", ") : "all groups"} `);
  made.append(
    button("Try it", () => api(`routes/${name}/trial`, {}), told, `A word is on its way to ${name}`),
    " ",
    button("Remove", () => api(`routes/${name}`, undefined, "DELETE").then(routes), told, `${name} is told no more`),
  );
  return made;
}

at("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const groups = at("groups").value.split(/[\s,]+/).filter(Boolean);
  const asked = { name: at("name").value, kind: at("kind").value, target: at("target").value, groups: groups.length ? groups : null };
  let made = {};
  const done = await tried(async () => (made = await api("routes", asked)), told, `${asked.name} is told of alerts`);
  put(at("secret"), done && made.secret ? `What signs it, shown once: ${made.secret}` : "");
  if (done) at("add").reset();
  routes();
});

async function rules() {
  const { items } = await api("rules");
  at("rules").replaceChildren(...items.map(rule));
}

function rule(each) {
  const made = make("tr");
  const fields = {};
  made.append(make("th", each.name, { scope: "row" }), make("td", each.counts));
  for (const name of ["fires", "clears", "after", "calm"]) {
    const step = name === "after" || name === "calm" ? 1 : "any";
    fields[name] = make("input", "", { type: "number", step, value: each[name], "aria-label": `${each.name}: ${name}` });
    const cell = make("td");
    cell.append(fields[name]);
    made.append(cell);
  }
  const on = make("input", "", { type: "checkbox", "aria-label": `${each.name}: on` });
  on.checked = each.enabled;
  const save = button(
    "Save",
    () => {
      const values = Object.entries(fields).map(([name, field]) => [name, field.valueAsNumber]);
      return api(`rules/${each.name}`, { ...Object.fromEntries(values), enabled: on.checked }, "PATCH");
    },
    told,
    `${each.name}: saved`,
  );
  const last = [make("td"), make("td")];
  last[0].append(on);
  last[1].append(save);
  made.append(...last);
  return made;
}

pages.draw();
routes();
rules();
