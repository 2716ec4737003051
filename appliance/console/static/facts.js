// The facts as a list of cards, each of which opens into a form.

import { ask } from "./box.js";
import { element } from "./transcript.js";

export class Facts {
  // `changed(text, what)` takes the file with a fact changed; `complain` a problem.
  constructor(list, draft, changed, complain) {
    Object.assign(this, { list, draft, changed, complain });
    this.facts = [];
    this.findings = [];
    this.open = null; // the name of the fact whose form is open; "" for a new one
    this.fresh = null; // the name of the fact that was changed last
    this.drawn = 0;
  }

  async refresh() {
    const round = ++this.drawn;
    try {
      const { facts } = await ask("facts", { text: this.draft.text });
      if (round !== this.drawn) return;
      this.facts = facts;
    } catch (problem) {
      if (round !== this.drawn) return;
      if (problem.code !== 422) return this.complain(problem);
      this.facts = null;
    }
    if (this.open !== null) return;
    this.draw();
    this.list.querySelector(".fresh")?.scrollIntoView({ block: "nearest" });
  }

  mark(findings) {
    this.findings = findings;
    if (this.open === null) this.draw();
  }

  draw() {
    if (!this.facts) {
      const wrong = element("li", "nothing-here", "The file cannot be read just now. Mend it under “Whole file” first.");
      return this.list.replaceChildren(wrong);
    }
    this.list.replaceChildren(...this.facts.map((fact) => this.card(fact)));
    if (!this.facts.length) this.list.append(element("li", "nothing-here", "The desk knows no facts yet."));
  }

  card(fact) {
    const card = element("li", "fact");
    const head = element("div", "head");
    const change = element("button", "quiet", "Change");
    change.type = "button";
    change.setAttribute("aria-label", `Change ${called(fact)}`);
    change.addEventListener("click", () => this.edit(fact));
    head.append(element("h2", "", called(fact)), change);
    const asked = element("ul", "asked");
    asked.append(...fact.ask.map((question) => element("li", "", question)));
    card.append(head, element("p", "say", fact.say), asked);
    card.dataset.fact = fact.name;
    card.classList.toggle("fresh", fact.name === this.fresh);
    for (const finding of this.findings) {
      if (finding.field === `fact.${fact.name}` || finding.field.startsWith(`fact.${fact.name}.`)) {
        card.append(element("p", `finding ${finding.level}`, `${finding.wrong}: ${finding.mend}`));
      }
    }
    return card;
  }

  // Open the form of a fact, or of a new one, with one more question where one is given.
  edit(fact = null, question = "") {
    const typed = this.typed();
    if (typed) {
      typed.focus();
      return this.complain(new Error("Keep what you have written here, or leave it as it was, first."));
    }
    this.open = null;
    this.draw();
    this.open = fact?.name ?? "";
    const form = this.form(fact, question);
    const card = fact && this.list.querySelector(`[data-fact="${CSS.escape(fact.name)}"]`);
    if (card) card.replaceChildren(form);
    else {
      const made = element("li", "fact");
      made.append(form);
      this.list.prepend(made);
    }
    form.scrollIntoView({ block: "nearest" });
    form.querySelector("input:not([hidden]), textarea").focus();
  }

  // A field of the open form that says something else than when it was opened.
  typed() {
    const fields = this.list.querySelectorAll(".fact-form input, .fact-form textarea");
    return this.open !== null && [...fields].find(({ value, defaultValue }) => value !== defaultValue);
  }

  form(fact, question) {
    let seen = JSON.stringify(fact);
    const form = element("form", "fact-form");
    const name = field("Name, for yourself", "input", fact?.name ?? "", "one or two words, like parking");
    if (!fact) form.append(name.label);
    const questions = [...(fact?.ask ?? []), question].filter(Boolean).join("\n");
    const asked = field("How people ask for it, one a line: three to ten ways", "textarea", questions, "where can I park?");
    const say = field("What the desk answers, word for word", "textarea", fact?.say ?? "", "There is a car park behind the house.");
    const label = field("What the desk calls it, where it asks which of two is meant", "input", fact?.label ?? "", called(fact ?? { name: "parking" }));
    asked.input.rows = 5;
    say.input.rows = 3;
    name.input.required = say.input.required = asked.input.required = true;
    const buttons = element("p", "buttons");
    const [save, cancel] = [element("button", "main", "Keep in the draft"), element("button", "quiet", "Leave as it was")];
    save.type = "submit";
    cancel.type = "button";
    cancel.addEventListener("click", () => this.close());
    buttons.append(save, cancel);
    if (fact) {
      const drop = element("button", "quiet danger", "Take the fact out");
      drop.type = "button";
      drop.addEventListener("click", () => this.do("drop", { name: fact.name }, `“${called(fact)}” is out of the draft.`));
      buttons.append(drop);
    }
    form.append(asked.label, say.label, label.label, buttons);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const key = fact?.name ?? name.input.value.trim().toLowerCase().replace(/\s+/g, "_");
      if (!fact && this.facts?.some((each) => each.name === key)) {
        return this.complain(new Error(`There is a fact called ${key} already. Give this one another name.`));
      }
      const now = JSON.stringify(this.facts?.find((each) => each.name === fact?.name) ?? null);
      if (this.facts && now !== seen) {
        seen = now;
        const theirs = JSON.parse(now)?.say ?? "nothing, for it was taken out";
        return this.complain(new Error(`Somebody else changed this meanwhile: it says ${theirs} Press again to put yours in its place.`));
      }
      const ask = asked.input.value.split("\n").map((line) => line.trim()).filter(Boolean);
      const put = { name: key, ask, say: say.input.value.trim().replace(/\s+/g, " "), label: label.input.value.trim() };
      this.do("put", put, `“${called(put)}” is in the draft.`);
    });
    return form;
  }

  // Have the box change the file, so that all else in it stays as it is.
  async do(what, change, told) {
    try {
      const { text } = await ask(what, { text: this.draft.text, ...change });
      this.open = null;
      this.fresh = change.name;
      this.changed(text, told);
    } catch (problem) {
      this.complain(problem);
    }
  }

  close() {
    this.open = null;
    this.draw();
  }
}

export function called(fact) {
  return fact.label || fact.name.replace(/_/g, " ");
}

function field(text, kind, value, example) {
  const label = element("label", "", text);
  const input = document.createElement(kind);
  input.defaultValue = value;
  input.placeholder = example;
  label.append(input);
  return { label, input };
}
