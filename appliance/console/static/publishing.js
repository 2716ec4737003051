// Putting the draft live: what changes, who does it and why, and what to do where somebody else was first.

import { ask } from "./box.js";
import { showChanges } from "./diff.js";

const at = (id) => document.getElementById(id);

export class Publishing {
  // `live` is called with the version when the draft is live.
  constructor(draft, live) {
    Object.assign(this, { draft, live });
    this.theirs = null;
    at("by").value = remembered("name");
    at("go-live").addEventListener("click", () => this.publish());
    at("by-night").addEventListener("click", () => this.tryByNight());
    at("take-theirs").addEventListener("click", () => this.take(this.theirs.theirs));
    at("take-both").addEventListener("click", () => this.take(this.theirs.merged));
    // Enter in a field puts it live, as one expects, and does not dismiss the question.
    at("publishing").querySelector("form").addEventListener("submit", (event) => {
      if (event.submitter?.value === "" && event.submitter === document.activeElement) return;
      if (["why", "by"].includes(document.activeElement?.id)) {
        event.preventDefault();
        this.publish();
      }
    });
  }

  async open() {
    this.stuck();
    this.meet(null);
    at("publishing").showModal();
    at("why").focus();
    await this.show();
  }

  async show() {
    try {
      const sides = { before: { id: "live" }, after: { text: this.draft.text } };
      const { rows } = await ask("compare", sides);
      if (!this.theirs) showChanges(at("pending"), rows);
    } catch (problem) {
      this.stuck(problem);
    }
  }

  async publish() {
    this.stuck();
    const [by, why] = [at("by").value.trim(), at("why").value.trim()];
    remember("name", by);
    at("go-live").disabled = true;
    try {
      const base = this.theirs?.base ?? this.draft.base;
      const { version } = await ask("publish", { text: this.draft.text, base, by, why });
      at("why").value = "";
      at("publishing").close();
      this.live(version);
    } catch (problem) {
      if (problem.code === 409) this.meet(problem.told);
      else this.stuck(problem);
    } finally {
      at("go-live").disabled = false;
    }
  }

  // Yesterday's calls are answered by it in the night, and nobody hears it.
  async tryByNight() {
    this.stuck();
    try {
      await ask("candidate", { text: this.draft.text });
      location.assign("shadow.html");
    } catch (problem) {
      this.stuck(problem);
    }
  }

  // Somebody else has changed the file: theirs, ours, or both.
  meet(theirs) {
    this.theirs = theirs;
    at("take-theirs").hidden = at("meanwhile").hidden = !theirs;
    at("by-night").hidden = Boolean(theirs);
    at("take-both").hidden = !theirs?.merged;
    at("go-live").textContent = theirs ? "Put mine live" : "Put it live";
    at("go-live").classList.toggle("main", !theirs?.merged);
    at("go-live").classList.toggle("quiet", Boolean(theirs?.merged));
    if (!theirs) return;
    const both = theirs.merged ? "You can bring both together." : "Both touch the same lines, so only one of them can be live.";
    at("meanwhile").textContent = `${theirs.wrong}. Below is what they changed. ${both} Theirs is kept as a version either way.`;
    showChanges(at("pending"), theirs.rows);
  }

  async take(text) {
    this.draft.begin(text, this.theirs.base, "merged");
    this.meet(null);
    await this.show();
  }

  stuck(problem) {
    at("stuck").textContent = problem?.message ?? "";
    at("stuck").hidden = !problem;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Then it is written anew next time.
  }
}

function remembered(key) {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}
