// What was said in a call, word by word, in step with its sound: click a word, hear it.

import { duration } from "./strip.js";
import { element } from "./transcript.js";

const RATE = 16000; // samples a second
const BEFORE = 0.05; // seconds before a word from which it is played
const CAUSES = { noise: "a sound without words", "taken back": "back from the person", closing: "the desk was stopped" };

export class Words {
  // `correct` takes the number of a turn and what should have been decided in it, and tells whether that is kept.
  constructor(list, sound, correct) {
    Object.assign(this, { list, sound, correct, words: [] });
    sound.addEventListener("timeupdate", () => this.follow());
    list.addEventListener("keydown", (event) => this.step(event));
  }

  show(call) {
    this.call = call;
    this.words = [];
    this.list.replaceChildren(...call.turns.map((turn) => this.turn(turn)));
    const first = this.words[0];
    if (first) first.tabIndex = 0;
  }

  goTo(number) {
    const turn = this.list.querySelector(`[data-turn="${number}"]`);
    turn?.scrollIntoView({ block: "center", behavior: "smooth" });
    turn?.querySelector(".word, .plain")?.focus({ preventScroll: true });
  }

  turn(turn) {
    const item = element("li", "turn");
    item.dataset.turn = turn.number;
    if (turn.heard) item.append(this.line("Caller", "caller", turn.heard));
    else if (turn.cause !== "call") item.append(element("p", "small", `(${CAUSES[turn.cause] ?? turn.cause})`));
    if (turn.spoken.length || turn.decision) {
      const line = this.line("Desk", "desk", turn.spoken);
      if (turn.unsaid) line.append(element("span", "small", ` … ${turn.unsaid} more ${turn.unsaid === 1 ? "word was" : "words were"} not heard`));
      item.append(line);
    }
    item.append(this.reason(turn));
    return item;
  }

  line(who, side, words) {
    const line = element("p", side);
    line.append(element("span", "who", who));
    for (const [text, start, end] of words) line.append(this.word(text, start, end), " ");
    return line;
  }

  word(text, start, end) {
    const left = /^\[[a-z-]+\]/.test(text) ? " left-out" : "";
    if (!this.call.wave || end <= start) return element("span", `said${left}`, text);
    const word = element("button", `word${left}`, text);
    word.type = "button";
    word.tabIndex = -1;
    [word.dataset.start, word.dataset.end] = [start, end];
    word.addEventListener("click", () => this.play(start));
    this.words.push(word);
    return word;
  }

  // Why the desk said that, how long each stage took, and what it should have decided instead.
  reason(turn) {
    const line = element("p", "reason");
    const stages = this.call.spans.filter((span) => span.parent === this.id(turn.number) && span.name !== "heard");
    const took = stages.map((span) => `${span.name.replace("execute_tool ", "")} ${duration(span.end - span.start)}`);
    line.append([turn.decision?.slice(0, 2).join(": "), took.join(", ")].filter(Boolean).join(" · "));
    if (!turn.heard || !turn.decision) return line;
    const wrong = element("button", "plain", "This was wrong");
    wrong.type = "button";
    wrong.addEventListener("click", () => line.replaceChild(this.form(turn), wrong));
    line.append(" ", wrong);
    return line;
  }

  form(turn) {
    const form = element("form", "correct");
    const label = element("label", "", "It should have been ");
    const select = document.createElement("select");
    const others = this.call.intents.filter((intent) => intent !== turn.decision[0]);
    select.append(...others.map((intent) => new Option(intent.replaceAll("_", " "), intent)));
    const button = element("button", "quiet", "Write it down");
    label.append(select);
    form.append(label, button);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      if (!(await this.correct(turn.number, select.value))) button.disabled = false;
    });
    setTimeout(() => select.focus());
    return form;
  }

  id(number) {
    return this.call.spans.find(({ name }) => name === `turn ${number}`)?.id;
  }

  play(start) {
    this.sound.currentTime = Math.max(0, start / RATE - BEFORE);
    this.sound.play();
  }

  follow() {
    const now = (this.sound.currentTime + BEFORE) * RATE;
    for (const word of this.words) {
      word.classList.toggle("now", Number(word.dataset.start) <= now && now < Number(word.dataset.end));
    }
  }

  // The arrow keys go from word to word.
  step(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const here = this.words.indexOf(document.activeElement);
    const next = by && here >= 0 && this.words[here + by];
    if (!next) return;
    event.preventDefault();
    document.activeElement.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}
