// The page of the desk file: the draft, what is wrong with it, a try-out, the versions, and putting it live.

import { ask, look } from "./box.js";
import { Draft } from "./draft.js";
import { Facts, called } from "./facts.js";
import { History, when } from "./history.js";
import { Publishing } from "./publishing.js";
import { Sheet } from "./sheet.js";
import { element } from "./transcript.js";
import { Trying } from "./trying.js";

const PAUSE = 350; // milliseconds without a key after which the draft is checked
const LOOK = 5000; // milliseconds between two looks at what the box serves

const at = (id) => document.getElementById(id);
const tabs = [...document.querySelectorAll("[role=tab]")];
const draft = new Draft();
const sheet = new Sheet(at("source"), at("lines"), () => draft.set(sheet.text, "sheet"), showFinding);
const facts = new Facts(at("fact-list"), draft, keepFact, (problem) => tell(problem.message));
const trying = new Trying(draft, goTo, () => facts.facts, addQuestions);
const history = new History(goBack, (problem) => tell(problem.message));
const publishing = new Publishing(draft, isLive);
let there = false; // whether the desk file has come
let errors = null; // how many keep it from that; null while it is being checked
let checking = 0;
let byHand = null; // the file as it lies on the disk, where that is not what the box serves

// The draft

draft.watch((from) => {
  if (from !== "sheet" && sheet.text !== draft.text) sheet.text = draft.text;
  showState();
  if (!there) return;
  clearTimeout(checking);
  errors = null;
  checking = setTimeout(check, from === "sheet" ? PAUSE : 0);
});

async function check() {
  const { text } = draft;
  try {
    const { findings } = await ask("check", { text });
    if (text !== draft.text) return;
    errors = findings.filter(({ level }) => level === "error").length;
    sheet.mark(findings);
    facts.mark(findings);
    showFindings(findings);
    showState();
    facts.refresh();
  } catch (problem) {
    at("verdict").textContent = problem.message;
    at("verdict").className = "error";
    checking = setTimeout(check, LOOK);
  }
}

function showFindings(findings) {
  const notes = findings.length - errors;
  const counts = [errors && `${errors} to mend before it can go live`, notes && `${notes} worth a look`];
  at("verdict").textContent = counts.filter(Boolean).join(", ") || "All is well.";
  at("verdict").className = errors ? "error" : notes ? "note" : "fine";
  at("findings").replaceChildren(...findings.map(findingItem));
}

function findingItem(finding) {
  const item = element("li", finding.level);
  const button = element("button", "");
  button.type = "button";
  const where = element("span", "where", `Line ${finding.line}`);
  const field = finding.field && element("b", "", `${finding.field} `);
  const mend = element("span", "mend", finding.mend);
  const what = element("span", "what");
  what.append(field || "", `${finding.wrong}`);
  button.append(where, what, mend);
  button.addEventListener("click", () => goToLine(finding.line));
  item.append(button);
  item.finding = finding;
  return item;
}

function showFinding(finding) {
  const item = [...at("findings").children].find((each) => each.finding === finding);
  item?.querySelector("button").focus();
}

function showState() {
  const words = draft.changed ? "Your draft is not live yet." : "This is what is live.";
  if (at("live").textContent !== words) at("live").textContent = words;
  document.body.classList.toggle("changed", draft.changed);
  at("drafting").hidden = !draft.changed;
  at("publish").disabled = !draft.changed || errors !== 0;
}

// Ways to work on it

function view(name) {
  document.body.dataset.view = name;
  for (const tab of tabs) {
    const chosen = tab.dataset.view === name;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
  }
  if (name === "facts" && !facts.open && there) facts.refresh();
  if (name === "versions" && there) history.refresh();
}

for (const tab of tabs) {
  tab.addEventListener("click", () => view(tab.dataset.view));
  tab.addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const there = tabs.filter((each) => each.offsetParent && !each.disabled);
    const next = there[(there.indexOf(tab) + step + there.length) % there.length];
    next.focus();
    next.click();
  });
}

function goToLine(line) {
  view("file");
  sheet.go(line);
}

// To a table of the file: ["fact", "hours"] or, without a name, ["lines"].
function goTo([kind, name = ""]) {
  const fact = kind === "fact" && facts.facts?.find((each) => each.name === name);
  if (fact && document.body.dataset.view === "facts") return facts.edit(fact);
  const wanted = [kind, name].filter(Boolean).join(".");
  const lines = draft.text.split("\n");
  const table = (line) => line.trim().replace(/^\[+|\]+.*$/g, "").replace(/["'\s]/g, "");
  const found = lines.findIndex((line) => line.trim().startsWith("[") && table(line) === wanted);
  goToLine(found < 0 ? 1 : found + 1);
}

at("new-fact").addEventListener("click", () => facts.edit());

function keepFact(text, told) {
  const before = draft.text;
  draft.set(text, "facts");
  tell(told, "Undo", () => draft.set(before, "undo"));
}

function addQuestions(questions, name, flow) {
  if (flow) return facts.do("phrases", { name, phrases: questions }, `“${name.replaceAll("_", " ")}” has more phrases.`);
  const fact = facts.facts?.find((each) => each.name === name);
  if (!fact) {
    view("facts");
    return facts.edit(null, questions.join("\n"));
  }
  const told = questions.length > 1 ? "Those are" : `“${questions[0]}” is`;
  facts.do("put", { ...fact, ask: [...fact.ask, ...questions] }, `${told} now a way to ask for “${called(fact)}”.`);
}

// Live

at("publish").addEventListener("click", () => publishing.open());
at("see").addEventListener("click", () => publishing.open());
at("discard").addEventListener("click", () => {
  const { text, base } = draft;
  draft.begin(draft.live, draft.digest, "discard");
  tell("The draft is thrown away.", "Undo", () => draft.begin(text, base, "undo"));
});

document.addEventListener("keydown", (event) => {
  if (event.key === "s" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    if (!at("publish").disabled && !at("publishing").open) publishing.open();
  }
});

async function isLive(version) {
  draft.live = draft.text;
  draft.digest = version.digest;
  draft.begin(draft.text, version.digest, "live");
  tell("It is live. Calls in progress end as they began.");
  await refresh();
  history.refresh();
  trying.refreshQuestions();
}

// One click back; the draft, if there is one, stays.
async function goBack(version) {
  const before = draft.digest;
  try {
    const { text } = await ask("version", { id: version.id });
    await ask("publish", { text, base: draft.digest, by: at("by").value, why: `Back to ${when(version)}` });
    await refresh();
    await history.refresh();
    const last = history.versions.find(({ digest }) => digest === before);
    tell(`The desk is back at ${when(version)}.`, last && "Undo", () => goBack(last));
  } catch (problem) {
    tell(problem.message);
  }
}

async function refresh() {
  let desk;
  try {
    desk = await look();
  } catch (problem) {
    return notice(problem.code ? problem.message : `${problem.message} Your draft is kept in this browser.`);
  }
  const first = !there;
  at("desk").textContent = desk.name;
  document.title = `${desk.name}: the desk file`;
  if (desk.me) at("by").value = desk.me;
  at("by").readOnly = Boolean(desk.me);
  if (first || desk.digest !== draft.digest) draft.serve(desk, "box");
  draft.restore();
  if (first) begin();
  byHand = desk.by_hand;
  if (byHand) return notice("The file on the disk was changed by hand and is not live yet.", "Take it as a draft", takeByHand);
  if (draft.changed && draft.base !== draft.digest) {
    return notice("Another version went live since you began. When you put yours live you are shown both.");
  }
  notice();
}

function begin() {
  there = true;
  view("facts");
  trying.refreshQuestions();
  draft.set(draft.text, "begun");
}

function takeByHand() {
  const { text, base, changed } = draft;
  draft.begin(byHand.text, byHand.digest, "by hand");
  const undo = () => draft.begin(text, base, "undo");
  tell("The file from the disk is your draft now. Look at it, then put it live.", changed ? "Undo" : "", undo);
}

// Telling

function notice(text = "", action = "", act = null) {
  if (at("notice").firstChild?.textContent === text) return;
  at("notice").hidden = !text;
  at("notice").replaceChildren(text, action && " ");
  if (!action) return;
  const button = element("button", "quiet", action);
  button.type = "button";
  button.addEventListener("click", act);
  at("notice").append(button);
}

let telling = 0;
function tell(text, action = "", act = null) {
  const [words, button] = at("toast").children;
  words.textContent = text;
  button.textContent = action;
  button.hidden = !action;
  button.onclick = () => {
    at("toast").hidden = true;
    act();
  };
  at("toast").hidden = false;
  clearTimeout(telling);
  telling = setTimeout(() => (at("toast").hidden = true), action ? 12000 : 8000);
}

view("facts");
await refresh();
setInterval(refresh, LOOK);
