import { ago, api, at, button, count, enter, make, put, tried, when } from "./parts.js";
import { paging } from "./paging.js";

const me = await enter();
const pages = paging(list);
let shown = "";

async function list(page) {
  const found = await api(`alerts?page=${page}&size=50&open=${at("open").checked}`);
  const told = JSON.stringify(found.items);
  if (told !== shown) at("alerts").replaceChildren(...(found.items.length ? found.items.map(item) : [make("li", "Nothing.")]));
  shown = told;
  const open = found.items.filter(({ cleared, acked }) => !cleared && !acked).length;
  put(at("verdict"), open ? `${count(open, "alert", "alerts")} that nobody has in hand` : "Nothing that nobody has in hand");
  at("verdict").classList.toggle("bad", open > 0);
  return found;
}

function item({ id, cause, site, severity, since, cleared, boxes, most, told, acked_by: by, acked, note }) {
  const made = make("li", "", { class: cleared || acked ? "quiet" : "" });
  const hit = cleared ? most : boxes;
  const where = [site && ` at ${site}`, hit && ` ${count(hit, "box", "boxes")}`].filter(Boolean).join(",");
  const place = site ? make("a", where, { href: `/?q=${encodeURIComponent(site)}` }) : where;
  made.append(make("time", when(since), { datetime: new Date(since).toISOString() }));
  made.append(make("b", cause, { class: cleared ? "" : severity }), place);
  const more = [told ? "" : "nobody was told yet", by && `${by} has it in hand${note && `: ${note}`}`];
  more.unshift(cleared ? `over ${ago(cleared, Date.now())}` : `since ${ago(since, Date.now())}`);
  made.append(make("span", ` · ${more.filter(Boolean).join(" · ")} `, { class: "why" }));
  if (!cleared && !acked && me.may("operator")) {
    const field = make("input", "", { maxlength: 500, placeholder: "a note", "aria-label": `A note on ${cause}` });
    made.append(
      field,
      " ",
      button("Take in hand", () => api(`alerts/${id}/acknowledgement`, { note: field.value }).then(pages.draw), at("verdict")),
    );
  }
  return made;
}

async function silences() {
  const { items } = await api("silences");
  at("silences").replaceChildren(
    ...(items.length ? items : [null]).map((each) => {
      if (!each) return make("li", "None.");
      const made = make("li", `${each.rule || "every rule"}, ${each.site || "every site"}, until ${when(each.until)}, by ${each.who}`);
      if (each.note) made.append(`: ${each.note}`);
      if (me.may("operator")) {
        const end = () => api(`silences/${each.id}`, undefined, "DELETE").then(silences);
        made.append(" ", button("End", end, at("verdict")));
      }
      return made;
    }),
  );
}

async function choices() {
  const [rules, sites] = await Promise.all([api("rules"), api("sites?size=500")]);
  at("rule").append(...rules.items.map(({ name }) => make("option", name)));
  at("site").append(...sites.items.filter(({ site }) => site).map(({ site }) => make("option", site)));
}

at("open").addEventListener("change", () => pages.turn(0));
at("choose").addEventListener("submit", (event) => event.preventDefault());
at("silence")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const asked = { rule: at("rule").value, site: at("site").value, minutes: at("minutes").valueAsNumber, note: at("why").value };
  tried(() => api("silences", asked).then(silences), at("verdict"), "It is silent");
});
pages.draw();
silences();
if (me.may("operator")) choices();
// Who writes a note is not disturbed: what has changed nothing is not drawn anew.
setInterval(() => document.activeElement?.closest("#alerts input") || pages.draw(), 4000);
