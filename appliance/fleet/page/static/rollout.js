import { api, at, enter, make, put } from "./parts.js";
import { DEEDS, STATES, gates } from "./gates.js";

const me = await enter();
const id = location.pathname.split("/")[2];
let shown = "";

async function look() {
  let told;
  try {
    told = await api(`rollouts/${id}`);
  } catch (error) {
    put(at("verdict"), error.message);
    at("verdict").classList.add("bad");
    return;
  }
  const { now, ...rest } = told;
  const text = JSON.stringify(rest);
  if (text === shown) return;
  shown = text;
  show(told);
}

function show(told) {
  const { bundle, plan } = told;
  put(at("name"), `Rollout ${told.id}: ${bundle.name}`);
  document.title = at("name").textContent;
  put(at("verdict"), `It ${STATES[told.state] ?? told.state}${told.why ? `: ${told.why}` : ""}`);
  at("verdict").classList.toggle("bad", ["failed", "undoing"].includes(told.state));
  const figures = [
    [`${told.wave + 1} of ${plan.waves.length}`, "wave"],
    [told.sent, `boxes have it, of ${told.boxes} in this wave`],
    [told.well, "boxes are well with it"],
    [told.hurt_boxes, "boxes are hurt", told.hurt_boxes > 0],
    [told.calls, `calls in this wave; ${plan.calls} are needed`],
    [told.wrong, `of ${told.answered} calls were not completed, on ${told.hit} of the ${told.had} boxes that had it`, told.wrong > 0],
    [`${told.candidate} / ${told.rest}`, "calls compared: candidate / others"],
  ];
  at("figures").replaceChildren(
    ...figures.map(([value, label, bad]) => {
      const figure = make("div", "", { class: bad ? "figure bad" : "figure" });
      figure.append(make("b", value), make("span", label));
      return figure;
    }),
  );
  at("do-card").hidden = Boolean(told.ended) || !me.may("operator");
  const focused = document.activeElement?.dataset?.deed;
  at("deeds").replaceChildren(
    ...Object.entries(DEEDS)
      .filter(([, [states]]) => states.includes(told.state))
      .map(([deed, [, label]]) => {
        const button = make("button", label, { type: "button", "data-deed": deed });
        button.addEventListener("click", () => steer(deed));
        return button;
      }),
  );
  if (focused) document.querySelector(`[data-deed="${focused}"]`)?.focus();
  at("gates").replaceChildren(gates(told.gates, told));
  at("waves").replaceChildren(
    ...plan.waves.map(([boxes, calls], number) => {
      const state = number < told.wave || told.state === "done" ? "done" : number === told.wave ? "now" : "later";
      return make("li", `${boxes} % of the boxes, ${calls} % of their calls: ${state}`);
    }),
  );
  const parts = Object.entries(bundle.parts).map(([kind, bytes]) => `${kind} ${bytes.toLocaleString("en")} bytes`);
  const rows = [
    ["bundle", `version ${bundle.version}, ${bundle.hash}: ${parts.join(", ")}`],
    ["for", plan.site || "all boxes"],
    ["by", told.by],
    ["began", new Date(told.begins).toLocaleString()],
    ...(told.ended ? [["over", `after ${Math.round((told.ended - told.begins) / 60000)} minutes`]] : []),
  ];
  at("bundle").replaceChildren(...rows.flatMap(([term, text]) => [make("dt", term), make("dd", text)]));
  at("hurt-card").hidden = !told.hurt.length;
  at("hurt").replaceChildren(
    ...told.hurt.flatMap((name, number) => [number ? ", " : "", make("a", name, { href: `/box/${name}` })]),
  );
}

async function steer(deed) {
  try {
    const { state } = await api(`rollouts/${id}/steer`, { do: deed });
    put(at("asked"), `It ${STATES[state] ?? state}`);
  } catch (error) {
    put(at("asked"), error.message);
  }
  await look();
}

look();
setInterval(look, 2000);
