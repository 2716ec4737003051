// The candidate against the others, gate by gate; on page one and on the page of a rollout.
import { make } from "./parts.js";

const NAMES = {
  completion: "not completed",
  transfers: "handed to a person",
  repeats: "asked to repeat",
  interruptions: "interrupted the desk",
  latency: "waited over 1.5 s",
  unanswered: "a question unanswered",
  faults: "the desk failed",
};

const share = (rate) => `${(100 * rate).toLocaleString("en", { maximumFractionDigits: 1 })} %`;

// `compared`: how many calls of either there are; a share of none is nothing.
export function gates(found, { candidate: ours, rest: others }) {
  const table = make("table");
  const head = make("tr");
  for (const [text, kind] of [["Of the calls", ""], [`candidate, of ${ours.toLocaleString("en")}`, "n"], [`others, of ${others.toLocaleString("en")}`, "n"], ["evidence that it is worse", ""]])
    head.append(make("th", text, { scope: "col", class: kind }));
  const body = make("tbody");
  for (const { gate, candidate, rest, evidence, fine } of found) {
    const row = make("tr");
    const meter = make("meter", `${Math.round(100 * evidence)} %`, { min: 0, max: 1, value: evidence, high: 0.7, optimum: 0 });
    const last = make("td", "", { class: fine ? "" : "bad" });
    last.append(meter, fine ? "" : " failed");
    row.append(
      make("th", NAMES[gate] ?? gate, { scope: "row" }),
      make("td", ours ? share(candidate) : "–", { class: fine ? "n" : "n bad" }),
      make("td", others ? share(rest) : "–", { class: "n" }),
      last,
    );
    body.append(row);
  }
  const top = make("thead");
  top.append(head);
  table.append(top, body);
  return table;
}

export const STATES = {
  scheduled: "has not begun yet",
  running: "is running",
  waiting: "waits for somebody to approve the next wave",
  paused: "is paused",
  undoing: "is being taken back",
  done: "is done",
  failed: "failed, and was taken back",
  stopped: "was stopped, and taken back",
};

export const DEEDS = {
  approve: [["waiting"], "Begin the next wave"],
  pause: [["scheduled", "running", "waiting"], "Pause"],
  resume: [["paused"], "Go on"],
  stop: [["scheduled", "running", "waiting", "paused"], "Stop, and take it back"],
};
