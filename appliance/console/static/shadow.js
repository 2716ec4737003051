// What a candidate would have changed in yesterday's calls, and what is to be tried next.

import { ask } from "./box.js";
import { element } from "./transcript.js";

const at = (id) => document.getElementById(id);
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

async function show() {
  try {
    const { report, checks, candidate, recorded } = await ask("shadow", {});
    at("notice").hidden = true;
    at("drop").hidden = !candidate;
    at("next").textContent = candidate
      ? `Version ${candidate} answers yesterday's recorded calls again tonight, between two and five. Nobody hears it.`
      : `Nothing. In “What the desk says and does”, press “Put it live …”, then “Try it by night first”.`;
    if (!recorded) at("next").textContent += " But no calls are recorded on this box, so there are none to try it by.";
    if (report) tell(report, checks);
    else at("last").textContent = "Nothing was tried yet.";
  } catch (problem) {
    at("notice").textContent = problem.message;
    at("notice").hidden = false;
  }
}

function tell(report, checks) {
  const tried = report.desk === report.candidate ? "other engines" : `version ${report.candidate}`;
  at("last").textContent =
    `${WHEN.format(new Date(report.at))}: ${tried} beside version ${report.desk}, by ${report.by}.` +
    (report.calls ? "" : " There was no recorded call to try it by.");
  const figures = [
    [report.calls, report.calls === 1 ? "call" : "calls"],
    [report.turns, report.turns === 1 ? "answer" : "answers"],
    [report.changed.length, "would be others"],
    [report.better, "calls better", report.better && "better"],
    [report.worse, "calls worse", report.worse && "worse"],
  ];
  at("figures").hidden = !report.calls;
  at("figures").replaceChildren(...figures.map(([value, name, kind]) => {
    const made = element("div", "");
    made.append(element("dt", "", name), element("dd", kind || "", value));
    return made;
  }));
  const marks = Object.entries(report.marks).filter(([, [was, now]]) => was !== now);
  at("marks").replaceChildren(
    ...marks.map(([check, [was, now]]) => element("li", "", `${checks[check]}: not in ${was}, then not in ${now}`)),
  );
  at("changed").replaceChildren(...report.changed.map(change));
}

function change(each) {
  const made = element("li", "");
  const said = element("p", "said", each.said ? `“${each.said}” ` : "(nothing was heard) ");
  const link = element("a", "small", "The call");
  link.href = `calls.html#${encodeURIComponent(each.call)}`;
  said.append(link);
  made.append(said);
  if (each.heard !== undefined) made.append(side("heard now", [each.heard ? `“${each.heard}”` : "nothing"]));
  made.append(side("was", each.was.toReversed()), side("would be", each.now.toReversed()));
  return made;
}

function side(name, [line, intent]) {
  const made = element("p", "side");
  made.append(element("span", "name", name), element("span", "", line || "nothing"));
  if (intent) made.append(element("span", "small", intent.replaceAll("_", " ")));
  return made;
}

at("drop").addEventListener("click", async () => {
  try {
    await ask("candidate/drop", {});
  } catch (problem) {
    at("notice").textContent = problem.message;
    at("notice").hidden = false;
    return;
  }
  show();
});

show();
