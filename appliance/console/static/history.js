// Every version that was live: what changed between any two, and the way back.

import { ask } from "./box.js";
import { showChanges } from "./diff.js";
import { element } from "./transcript.js";

const at = (id) => document.getElementById(id);
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export class History {
  // `back` takes the version to go back to.
  constructor(back, complain) {
    Object.assign(this, { back, complain });
    this.versions = [];
    at("before").addEventListener("change", () => this.compare());
    at("after").addEventListener("change", () => this.compare());
  }

  async refresh() {
    try {
      const { versions, live } = await ask("versions");
      this.versions = versions;
      this.live = versions.find(({ digest }) => digest === live)?.id;
      at("version-list").replaceChildren(...versions.map((version, number) => this.item(version, number)));
      for (const select of [at("before"), at("after")]) {
        const chosen = select.value;
        select.replaceChildren(...versions.map((version) => new Option(`${when(version)} · ${version.why || version.digest}`, version.id)));
        if (versions.some(({ id }) => id === chosen)) select.value = chosen;
      }
      at("comparison").hidden = versions.length < 2;
      if (versions.length < 2) return;
      if (at("before").value === at("after").value) at("before").value = versions[1].id;
      await this.compare();
    } catch (problem) {
      this.complain(problem);
    }
  }

  item(version, number) {
    const item = element("li", version.id === this.live ? "current" : "");
    const who = [when(version), version.by].filter(Boolean).join(" · ");
    item.append(element("p", "why", version.why || "No note"), element("p", "small", who));
    const row = element("p", "actions");
    const before = this.versions[number + 1];
    if (before) row.append(button("What changed", () => this.show(before.id, version.id), version));
    if (version.id === this.live) row.append(element("span", "tag", "Live"));
    else row.append(button("Back to this", () => this.back(version), version));
    item.append(row);
    return item;
  }

  show(before, after) {
    [at("before").value, at("after").value] = [before, after];
    this.compare().then(() => at("comparison").scrollIntoView({ block: "nearest" }));
  }

  async compare() {
    try {
      const sides = { before: { id: at("before").value }, after: { id: at("after").value } };
      showChanges(at("changes"), (await ask("compare", sides)).rows);
    } catch (problem) {
      this.complain(problem);
    }
  }
}

export function when({ at: moment }) {
  return WHEN.format(new Date(moment));
}

function button(text, pressed, version) {
  const made = element("button", "plain", text);
  made.type = "button";
  made.setAttribute("aria-label", `${text}: ${when(version)}, ${version.why}`);
  made.addEventListener("click", pressed);
  return made;
}
