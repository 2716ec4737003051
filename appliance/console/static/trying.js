// A conversation with the draft, beside it, and what callers asked that nothing answered.

import { ask } from "./box.js";
import { Chat, sendOnEnter, tooLong } from "./chat.js";
import { called } from "./facts.js";
import { Transcript, element } from "./transcript.js";
import { VoiceCall } from "./voice.js";

const at = (id) => document.getElementById(id);

export class Trying {
  // `go` leads to a place in the file: ["fact", "hours"]; `add` takes questions and what they are for.
  constructor(draft, go, facts, add) {
    Object.assign(this, { draft, go, facts, add });
    this.transcript = new Transcript(at("transcript"), at("announcer"), (decision) => this.why(decision));
    this.chat = new Chat(this.transcript, (problem) => this.broken(problem));
    this.trial = ""; // the desk that was made of `tried`
    this.tried = null;
    this.call = null;
    this.questions = [];
    this.answers = [];
    at("write").addEventListener("submit", (event) => this.write(event));
    sendOnEnter(at("text"), at("write"));
    at("anew").addEventListener("click", () => this.anew());
    at("speak").addEventListener("click", () => this.talk());
    at("adding").addEventListener("close", () => this.added());
  }

  async write(event) {
    event.preventDefault();
    complain();
    const text = at("text").value.trim();
    const problem = tooLong(text);
    if (!text || problem) return problem && complain(problem);
    if (!(await this.ready())) return;
    at("text").value = "";
    this.transcript.typed(text);
    this.chat.send(text, `desk/trials/${this.trial}/chat`);
  }

  // Have a desk made of the draft as it is now. False where there is none, or it is being made already.
  async ready() {
    if (document.body.classList.contains("learning")) return false;
    if (this.trial && this.tried === this.draft.text) return true;
    const text = this.draft.text;
    document.body.classList.add("learning");
    try {
      const asked = this.questions.map(({ text }) => text);
      const { trial, answers, problems } = await ask("try", { text, questions: asked });
      this.leave();
      if (this.tried !== null && this.tried !== text) this.transcript.remark("From here on, your newer draft answers.");
      [this.trial, this.tried, this.answers] = [trial, text, answers];
      this.drawQuestions();
      for (const problem of problems) this.transcript.remark(problem);
      return true;
    } catch (problem) {
      complain(problem);
      return false;
    } finally {
      document.body.classList.remove("learning");
    }
  }

  anew() {
    this.leave();
    this.trial = "";
    this.tried = null;
    at("transcript").replaceChildren();
    complain();
    at("text").focus();
  }

  leave() {
    this.chat.leave();
    this.call?.end();
  }

  // The box forgets try-outs, by a restart or for newer ones: what is said next has another made.
  broken(problem) {
    if (problem) this.trial = "";
    complain(problem);
  }

  async talk() {
    complain();
    if (this.call) return this.call.end();
    if (!(await this.ready())) return;
    at("speak").setAttribute("aria-pressed", true);
    this.call = new VoiceCall({
      path: `desk/trials/${this.trial}/talk`,
      heard: (message) => this.heard(message),
      level: () => {},
      speaking: () => {},
      ended: (problem) => {
        this.call = null;
        this.transcript.settle();
        at("speak").setAttribute("aria-pressed", false);
        this.broken(problem);
      },
    });
    this.call.start();
  }

  heard(message) {
    const shown = { partial: () => this.transcript.partial(message.text), noise: () => this.transcript.noise() };
    for (const kind of ["heard", "saying", "turn"]) shown[kind] = () => this.transcript[kind](message);
    shown[message.type]?.();
  }

  // Why an answer was given, for people, with the way to where it stands.
  why({ intent, why, source, score }) {
    const sure = score >= 0.05 ? ` (${Math.round(score * 100)} %)` : "";
    const reason = element("p", "reason", `${intent.replace(/_/g, " ")} · ${why}${sure} `);
    const place = /^desk\.toml (\w+)(?:\.(.+))?$/.exec(source);
    if (!place) {
      reason.append(source && ` · ${source}`);
      return reason;
    }
    const button = element("button", "plain", source.replace("desk.toml ", ""));
    button.type = "button";
    button.title = "Show where it stands";
    button.addEventListener("click", () => this.go(place.slice(1).filter(Boolean)));
    reason.append(button);
    return reason;
  }

  // Questions that nothing answered

  async refreshQuestions() {
    try {
      this.questions = (await ask("questions")).questions;
      this.answers = [];
      this.drawQuestions();
      const { proposals } = await ask("proposals");
      at("proposals").replaceChildren(...proposals.map((proposal) => this.proposal(proposal)));
    } catch {
      // They can wait.
    }
  }

  drawQuestions() {
    at("asked").hidden = !this.questions.length;
    at("asked-count").textContent = this.questions.length;
    at("questions").replaceChildren(...this.questions.map((question, number) => this.question(question, this.answers[number])));
  }

  // Questions that mean the same, and what one click makes of them.
  proposal({ questions, times, intent, flow }) {
    const item = element("li", "proposal");
    const told = { fact: (this.facts() ?? []).find(({ name }) => name === intent) };
    const name = told.fact ? called(told.fact) : intent.replaceAll("_", " ");
    const what = intent ? `${times} callers may mean “${name}”:` : `${times} callers asked alike:`;
    item.append(element("p", "", what), element("p", "small", questions.map((text) => `“${text}”`).join(", ")));
    const button = element("button", "plain", intent ? `Add ${flow ? "these phrases" : "these words"} to “${name}”` : "Add a fact for it");
    button.type = "button";
    button.addEventListener("click", () => this.add(questions, intent, flow));
    const row = element("p", "actions");
    row.append(button);
    item.append(row);
    return item;
  }

  question({ text, times }, answer) {
    const item = element("li", answer ? "answered" : "");
    const what = element("p", "", `“${text}”`);
    if (times > 1) what.append(element("span", "times", ` ${times} times`));
    const [attempt, add] = [element("button", "plain", "Try"), element("button", "plain", "Add to a fact")];
    attempt.type = add.type = "button";
    attempt.setAttribute("aria-label", `Try “${text}”`);
    add.setAttribute("aria-label", `Add “${text}” to a fact`);
    attempt.addEventListener("click", () => {
      at("text").value = text;
      at("write").requestSubmit();
    });
    add.addEventListener("click", () => this.choose(text));
    const row = element("p", "actions");
    row.append(attempt, add);
    item.append(what, row);
    if (answer) item.append(element("p", "small", `Your draft answers it: ${answer}`));
    return item;
  }

  choose(question) {
    this.adding = question;
    at("adding-question").textContent = `“${question}”`;
    const options = (this.facts() ?? []).map((fact) => new Option(called(fact), fact.name));
    at("adding-fact").replaceChildren(new Option("A new fact", ""), ...options);
    at("adding").returnValue = "";
    at("adding").showModal();
  }

  added() {
    if (at("adding").returnValue === "add") this.add([this.adding], at("adding-fact").value);
  }
}

function complain(problem) {
  at("problem").textContent = problem?.message ?? "";
  at("problem").hidden = !problem;
}

