// The text that is being worked on, beside the one that is live. It outlives the page: the browser keeps it.

const KEPT = "desk file draft";

export class Draft {
  constructor() {
    this.text = ""; // as it is now
    this.live = ""; // what new calls are served by
    this.digest = ""; // of that
    this.base = ""; // digest of what the text was made from
    this.watchers = [];
    this.kept = recall();
  }

  get changed() {
    return this.text !== this.live;
  }

  // `watch(from)` is called whenever the text has changed; `from` is who changed it.
  watch(watch) {
    this.watchers.push(watch);
  }

  set(text, from) {
    this.text = text;
    this.keep();
    for (const watch of this.watchers) watch(from);
  }

  // What the box serves. Who has changed nothing follows it; who has keeps the draft.
  serve({ text, digest }, from) {
    const followed = !this.changed;
    [this.live, this.digest] = [text, digest];
    if (followed || this.text === text) this.begin(text, digest, from);
  }

  // Work on from another text.
  begin(text, base, from) {
    this.base = base;
    this.set(text, from);
  }

  keep() {
    try {
      if (this.changed) localStorage.setItem(KEPT, JSON.stringify({ text: this.text, base: this.base }));
      else localStorage.removeItem(KEPT);
    } catch {
      // A browser that keeps nothing: the draft lasts as long as the page.
    }
  }

  // Work on at the draft of an earlier visit, if there is one.
  restore() {
    const kept = this.kept;
    this.kept = null;
    if (kept && kept.text !== this.live) this.begin(kept.text, kept.base, "kept");
  }
}

function recall() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT));
    return typeof kept?.text === "string" ? kept : null;
  } catch {
    return null;
  }
}
