// What a candidate would have changed in yesterday's calls.

import { ask } from "./box.js";
import { element } from "./transcript.js";

const at = (id) => document.getElementById(id);
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function line(text) {
  const made = element("li", "");
  made.textContent = text;
  return made;
}

function change(each) {
  const made = element("li", "");
  for (const text of [
    `“${each.said}”`,
    `was: ${each.was[1] || "nothing"} (${each.was[0] || "no answer"})`,
    `would be: ${each.now[1] || "nothing"} (${each.now[0] || "no answer"})`,
  ]) {
    const row = element("p", "");
    row.textContent = text;
    made.append(row);
  }
  return made;
}

try {
  const { report, checks } = await ask("shadow", {});
  if (!report) {
    at("summary").textContent = "No candidate was tried yet.";
  } else {
    at("summary").textContent =
      `${WHEN.format(new Date(report.at))}: version ${report.candidate} by ${report.by}, ${report.calls} calls, ` +
      `${report.turns} turns. ${report.changed.length} answers would be others; ` +
      `${report.better} calls better, ${report.worse} worse.`;
    const marks = Object.entries(report.marks).filter(([, [was, now]]) => was !== now);
    at("marks").replaceChildren(
      ...marks.map(([check, [was, now]]) => line(`${checks[check]}: not in ${was}, then not in ${now}`)),
    );
    at("changed").replaceChildren(...report.changed.map(change));
  }
} catch (problem) {
  at("summary").textContent = problem.message || "Open the calls first, with the passphrase.";
}
