// The page of calls: which there were, and each as it was heard, answered and judged.

import { ask } from "./box.js";
import { Strip } from "./strip.js";
import { element } from "./transcript.js";
import { Words } from "./words.js";

const RATE = 16000; // samples a second
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const SIGN = { true: "✓", false: "✗", null: "–" };
const TOLD = { true: "yes", false: "no", null: "not asked" };

const at = (id) => document.getElementById(id);
const tabs = [...document.querySelectorAll("[role=tab]")];
const sound = at("sound");
const strip = new Strip(at("strip"), sound);
const words = new Words(at("said"), sound, correct);
let which = "review";
let after = null; // where the next page begins
let shown = null; // the call that is looked at
let wanted = ""; // the one that was chosen last, while it is fetched

// The list

async function list(more = false) {
  const asked = which;
  at("more").disabled = true;
  try {
    const page = await ask("calls/list", { review: asked === "review", after: more ? after : null });
    if (asked !== which) return;
    after = page.after;
    at("notice").hidden = true;
    at("waiting").textContent = page.waiting ? `(${page.waiting})` : "";
    const rows = page.calls.map(row);
    if (more) at("rows").append(...rows);
    else at("rows").replaceChildren(...rows);
    at("more").hidden = page.calls.length < 50;
    at("none").hidden = Boolean(at("rows").children.length);
    at("none").textContent = which === "review" ? "Nothing waits to be looked at." : "There was no call yet.";
    if (more) rows[0]?.querySelector("button").focus();
  } catch (problem) {
    complain(problem);
  } finally {
    at("more").disabled = false;
  }
}

function row(call) {
  const item = element("li", "call-row");
  const button = element("button", "");
  button.type = "button";
  button.dataset.id = call.id;
  const about = [call.channel, lasted(call.length), ...call.deeds, ...call.flows.filter(() => !call.deeds.length)];
  button.append(
    element("span", "when", WHEN.format(new Date(call.began))),
    element("span", call.failed && !call.review ? "tag bad" : "tag", judged(call)),
    element("span", "small", about.filter(Boolean).join(" · ")),
  );
  const wrong = call.marks.filter(({ passed }) => passed === false);
  if (wrong.length) button.append(element("span", "wrong", `Not ${wrong.map(({ check }) => check.replace("_", " ")).join(", not ")}`));
  button.addEventListener("click", () => open(call.id));
  item.append(button);
  return item;
}

function judged(call) {
  if (!call.over) return "under way";
  if (call.review) return call.review;
  return call.failed ? `${call.failed} no` : "all yes";
}

function lasted(samples) {
  const seconds = Math.round(samples / RATE);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

// One call

async function open(id) {
  wanted = id;
  try {
    const call = await ask("calls/call", { id });
    if (wanted !== id) return;
    shown = call;
  } catch (problem) {
    return complain(problem);
  }
  location.hash = id;
  document.body.classList.add("reading-call");
  for (const button of document.querySelectorAll(".call-row button")) {
    button.setAttribute("aria-current", String(button.dataset.id === id));
  }
  at("call").hidden = false;
  at("title").textContent = WHEN.format(new Date(shown.began));
  at("about").textContent = [shown.channel, lasted(shown.length), `${shown.count} turns`, ...shown.deeds].join(" · ");
  sound.pause();
  sound.hidden = !shown.wave;
  at("silent").hidden = Boolean(shown.wave);
  if (shown.wave) sound.src = `desk/calls/${encodeURIComponent(id)}/sound`;
  else sound.removeAttribute("src");
  strip.show(shown);
  words.show(shown);
  judge();
  at("title").focus({ preventScroll: true });
}

function judge() {
  at("marks").replaceChildren(...shown.marks.map((mark) => {
    const item = element("li", mark.passed === false ? "no" : mark.passed ? "yes" : "unasked");
    const sign = element("span", "sign", SIGN[mark.passed]);
    sign.setAttribute("aria-hidden", "true");
    item.append(sign, element("span", "", mark.says), element("span", "unseen", `: ${TOLD[mark.passed]}`));
    if (mark.passed === false && mark.why) item.append(element("span", "small", mark.why));
    if (mark.passed === false && mark.turn) {
      const go = element("button", "plain", `Turn ${mark.turn}`);
      go.type = "button";
      go.addEventListener("click", () => words.goTo(mark.turn));
      item.append(go);
    }
    return item;
  }));
  at("agree").hidden = !shown.over || Boolean(shown.review);
  at("verdict").textContent = shown.review ? `A person looked at it, and ${shown.review}.` : "";
}

async function correct(turn, intent) {
  const call = shown;
  try {
    const { scenario, file } = await ask("calls/correct", { id: call.id, turn, intent });
    reviewed(call, "corrected", `Written down in ${file} as “${scenario}”.`);
    return true;
  } catch (problem) {
    at("verdict").textContent = problem.message;
    return false;
  }
}

at("agree").addEventListener("click", async () => {
  const call = shown;
  try {
    await ask("calls/agree", { id: call.id });
    reviewed(call, "agreed");
  } catch (problem) {
    at("verdict").textContent = problem.message;
  }
});

// Another call may be looked at by now.
function reviewed(call, how, told = "") {
  call.review = how;
  if (call === shown) {
    judge();
    if (told) at("verdict").textContent = told;
  }
  list();
}

at("back").addEventListener("click", () => (location.hash = ""));

function back() {
  wanted = "";
  document.body.classList.remove("reading-call");
  sound.pause();
  document.querySelector('.call-row [aria-current="true"]')?.focus();
}

// The browser's own way back leads from a call to the list too.
addEventListener("hashchange", () => {
  const id = decodeURIComponent(location.hash.slice(1));
  if (!id) back();
  else if (id !== wanted) open(id);
});

// Which calls

for (const tab of tabs) {
  tab.addEventListener("click", () => choose(tab.dataset.which));
  tab.addEventListener("keydown", ({ key }) => {
    if (key !== "ArrowLeft" && key !== "ArrowRight") return;
    const next = tabs[(tabs.indexOf(tab) + 1) % tabs.length];
    choose(next.dataset.which);
    next.focus();
  });
}

function choose(what) {
  which = what;
  for (const tab of tabs) {
    tab.setAttribute("aria-selected", String(tab.dataset.which === what));
    tab.tabIndex = tab.dataset.which === what ? 0 : -1;
  }
  list();
}

at("more").addEventListener("click", () => list(true));

function complain(problem) {
  at("notice").hidden = false;
  at("notice").textContent = problem.message;
}

choose("review");
if (location.hash.length > 1) open(decodeURIComponent(location.hash.slice(1)));
