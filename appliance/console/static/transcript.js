// The conversation on the page: one list item per utterance, the desk's with its timeline.

const RATE = 16; // samples of the call's clock in a millisecond

export class Transcript {
  // `reason` makes an element of why an answer was given.
  constructor(list, announcer, reason = why) {
    this.list = list;
    this.reason = reason;
    this.announcer = announcer; // what screen readers are told: final words only
    this.guess = null; // the caller's words that are not final
    this.answers = new Map(); // the desk's items that wait for their turn, by when the caller began
    this.spoken = null; // the desk's item that is being spoken
    this.writing = null; // the desk's item in a chat whose turn is not over
    this.pane = list.parentElement;
    this.following = true; // until somebody scrolls back to read
    this.pane.addEventListener("scroll", () => {
      this.following = this.pane.scrollHeight - this.pane.scrollTop - this.pane.clientHeight < 60;
    });
  }

  partial(text) {
    this.guess ??= this.add("caller", "guess");
    this.write(this.guess, text);
  }

  noise() {
    this.guess?.remove();
    this.guess = null;
  }

  heard({ text, start }) {
    const item = this.guess ?? this.add("caller");
    this.guess = null;
    item.classList.remove("guess");
    this.write(item, text);
    this.announce(`You: ${text}`);
    this.answers.set(start, this.add("desk", "waiting"));
  }

  typed(text) {
    this.write(this.add("caller"), text);
    this.writing ??= this.add("desk", "waiting");
    this.list.append(this.writing);
  }

  // More words of the desk in a chat.
  say(text) {
    this.writing ??= this.add("desk");
    this.writing.classList.remove("waiting");
    const words = this.writing.querySelector(".words");
    this.write(this.writing, `${words.textContent} ${text}`.trim());
    this.announce(`Desk: ${text}`);
  }

  // What was played so far of an answer in a call by voice.
  saying(turn) {
    this.spoken ??= this.answers.get(turn.cause?.start) ?? this.add("desk");
    this.answers.delete(turn.cause?.start);
    this.spoken.classList.remove("waiting");
    this.write(this.spoken, `${turn.spoken.text} …`);
    this.note(this.spoken, turn);
  }

  // The record of an exchange in a call by voice: the answer is over.
  turn(turn) {
    const { text, whole } = turn.spoken;
    if (text) {
      this.saying(turn);
      if (whole) this.write(this.spoken, text);
      this.announce(`Desk: ${text}`);
    } else {
      this.answers.get(turn.cause?.start)?.remove(); // it was cut before its first word
      this.answers.delete(turn.cause?.start);
    }
    this.spoken = null;
  }

  // The record of an exchange in a chat, whose words are there already.
  wrote(turn) {
    if (this.writing) this.note(this.writing, turn);
    this.writing = null;
  }

  note(item, turn) {
    const notes = [timeline(turn), turn.decision && this.reason(turn.decision)].filter(Boolean);
    item.querySelector(".notes").replaceChildren(...notes);
    this.scroll();
  }

  // The call is over: nothing will come of what was not finished.
  settle() {
    this.noise();
    this.list.querySelectorAll(".waiting").forEach((item) => item.remove());
    this.answers.clear();
    this.spoken = null;
    this.writing = null;
  }

  // A word of the page itself, between what was said.
  remark(text) {
    this.list.append(element("li", "remark", text));
    this.scroll();
  }

  add(who, ...classes) {
    const item = document.createElement("li");
    item.classList.add(who, ...classes);
    item.append(element("span", "who", who === "desk" ? "Desk" : "You"), element("p", "words"));
    if (who === "desk") item.append(element("div", "notes"));
    this.list.append(item);
    this.scroll();
    return item;
  }

  write(item, text) {
    item.querySelector(".words").textContent = text;
    this.scroll();
  }

  announce(text) {
    this.announcer.textContent = text;
  }

  scroll() {
    if (this.following) this.pane.scrollTop = this.pane.scrollHeight;
  }
}

// End of speech, decided, first sound: how long the caller waited, drawn to scale.
function timeline({ cause, spoken }) {
  if (cause?.type !== "heard" || spoken.start === null || cause.start === cause.end) return null;
  const decided = Math.max(0, cause.decided - cause.end) / RATE;
  const sounded = Math.max(decided, (spoken.start - cause.end) / RATE);
  const line = element("ol", "timeline");
  line.setAttribute("aria-label", "How long the answer took");
  line.append(
    mark("end of speech", 0, 0),
    mark("decided", decided, decided),
    mark("first sound", sounded, sounded - decided),
  );
  return line;
}

function mark(name, milliseconds, since) {
  const item = element("li", "mark");
  if (since) item.style.flexGrow = since;
  item.append(element("span", "dot"), element("b", "ms", `${Math.round(milliseconds)} ms`), element("span", "", name));
  return item;
}

function why(decision) {
  return element("p", "reason", [decision.intent, decision.why, decision.source].filter(Boolean).join(" · "));
}

export function element(name, className, text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
