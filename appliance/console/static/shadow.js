// What a candidate would have changed in yesterday's calls, and what is to be tried next.

import { ask } from "./box.js";
import { element } from "./transcript.js";

const at = (id) => document.getElementById(id);
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

async function show() {
  try {
    const { report, checks, candidate, recorded, shared } = await ask("shadow", {});
    at("notice").hidden = true;
    at("drop").hidden = at("share").hidden = !candidate;
    beside(shared);
    at("next").textContent = candidate
      ? `Version ${candidate} answers yesterday's recorded calls again tonight, between two and five. Nobody hears it.`
      : `Nothing. In “What the desk says and does”, press “Put it live …”, then “Try it by night first”.`;
    if (!recorded) at("next").textContent += " But no calls are recorded on this box, so there are none to try it by.";
    if (report) tell(report, checks);
    else at("last").textContent = "Nothing was tried yet.";
  } catch (problem) {
    stuck(problem);
  }
}

const GATES = {
  completion: "nothing was done in the end",
  transfers: "a person was needed",
  repeats: "something was asked again",
  interruptions: "the desk was interrupted",
  latency: "an answer took long",
  unanswered: "a question stayed unanswered",
  faults: "something failed",
};

// What answers some of the callers, or did.
function beside(shared) {
  at("shared").hidden = !shared;
  if (!shared) return;
  const { version, percent, why, calls: [its, others], gates } = shared;
  const since = WHEN.format(new Date(shared.at));
  const seen = `${its} of its calls stand beside ${others} of the others.`;
  at("how").textContent = why
    ? `Version ${version} answered ${percent} % of the callers from ${since} on. It has ended: ${why}. ${seen}`
    : `Version ${version} answers ${percent} % of the callers since ${since}; who calls again gets the same. ${seen} It ends by itself where callers are served worse.`;
  at("end").hidden = Boolean(why);
  at("gates").hidden = !its;
  at("gates").tBodies[0].replaceChildren(...gates.map((gate) => {
    const row = element("tr", gate.fine ? "" : "worse");
    const cells = [percents(gate.candidate), percents(gate.rest), gate.fine ? percents(gate.evidence) : "yes"];
    row.append(element("th", "", GATES[gate.gate]), ...cells.map((cell) => element("td", "", cell)));
    return row;
  }));
}

const percents = (share) => `${Math.round(100 * share)} %`;

function stuck(problem) {
  at("notice").textContent = problem.message;
  at("notice").hidden = false;
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

function press(id, path, told = () => ({})) {
  at(id).addEventListener("click", async () => {
    try {
      await ask(path, told());
    } catch (problem) {
      stuck(problem);
      return;
    }
    show();
  });
}

press("drop", "candidate/drop");
press("begin", "candidate/share", () => ({ percent: Number(at("percent").value) }));
press("end", "candidate/share/end");

show();
