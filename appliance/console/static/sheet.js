// The whole file, to be typed in: a plain text field over lines that are numbered, coloured and marked. The
// field does all the work, so keyboard, screen reader, undo and spelling are the browser's own.

const TOKEN =
  /(?<comment>#.*)|(?<text>"(?:[^"\\]|\\.)*"?|'[^']*'?)|(?<table>^\s*\[\[?[^\]]*\]\]?)|(?<key>[\w-]+(?=\s*(?:=|\.[\w.-]+\s*=)))|(?<value>\b(?:true|false)\b|[-+]?\b\d[\w.:+-]*)/g;

export class Sheet {
  // `typed` is called when the text has changed; `asked` with the finding whose mark was pressed.
  constructor(field, list, typed, asked) {
    Object.assign(this, { field, list, asked });
    this.shown = [];
    this.findings = [];
    field.addEventListener("input", () => {
      this.draw();
      typed();
    });
  }

  get text() {
    return this.field.value;
  }

  set text(text) {
    this.field.value = text;
    this.draw();
  }

  // Redraw the lines between the first and the last that have changed.
  draw() {
    const lines = this.text.split("\n");
    const old = this.shown;
    const most = Math.min(old.length, lines.length);
    let top = 0;
    while (top < most && old[top] === lines[top]) top++;
    let bottom = 0;
    while (bottom < most - top && old.at(-1 - bottom) === lines.at(-1 - bottom)) bottom++;
    const items = this.list.children;
    for (let count = old.length - top - bottom; count > 0; count--) items[top].remove();
    const made = lines.slice(top, lines.length - bottom).map(lineItem);
    const next = items[top] ?? null;
    for (const item of made) this.list.insertBefore(item, next);
    this.shown = lines;
    this.mark(this.findings);
  }

  mark(findings) {
    this.findings = findings;
    for (const item of this.list.querySelectorAll(".error, .note")) {
      item.classList.remove("error", "note");
      item.querySelector(".flag")?.remove();
    }
    for (const finding of findings) {
      const item = this.list.children[finding.line - 1];
      if (!item || item.classList.contains("error")) continue;
      item.classList.add(finding.level);
      if (item.querySelector(".flag")) continue;
      const flag = document.createElement("button");
      Object.assign(flag, { type: "button", className: "flag", tabIndex: -1, textContent: "!" });
      flag.title = `${finding.wrong}\n${finding.mend}`;
      flag.addEventListener("click", () => this.asked(finding));
      item.append(flag);
    }
  }

  // Go to a line, from 1, and select it.
  go(line) {
    const lines = this.text.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    this.field.focus({ preventScroll: true });
    this.field.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
    this.list.children[line - 1]?.scrollIntoView({ block: "center" });
  }
}

function lineItem(line) {
  const item = document.createElement("li");
  let at = 0;
  for (const found of line.matchAll(TOKEN)) {
    const [kind] = Object.entries(found.groups).find(([, text]) => text !== undefined);
    const piece = document.createElement("span");
    Object.assign(piece, { className: kind, textContent: found[0] });
    item.append(line.slice(at, found.index), piece);
    at = found.index + found[0].length;
  }
  item.append(line.slice(at) || (at ? "" : "\u200b"));
  return item;
}
