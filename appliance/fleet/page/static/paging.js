// A list that is turned page by page: `show` is given a page's number and draws it, and tells whether more follow and,
// where it knows, how many pages and things there are. `holder` gets the buttons, and what went wrong.
import { make, put } from "./parts.js";

export function paging(show, holder = document.querySelector(".pages")) {
  let page = 0;
  let drawn = Promise.resolve(); // the last that was asked for ...
  let waiting = null; // ... where it is not begun yet
  const before = make("button", "‹", { type: "button", "aria-label": "The page before" });
  const said = make("span", "", { "aria-live": "polite" });
  const after = make("button", "›", { type: "button", "aria-label": "The next page" });
  before.addEventListener("click", () => turn(page - 1));
  after.addEventListener("click", () => turn(page + 1));
  // Where there is one page only, there is nothing to turn.
  [before.hidden, after.hidden] = [true, true];
  holder.replaceChildren(before, said, after);

  // One after another, or a slow answer would be drawn over a newer one.
  function draw() {
    waiting ??= drawn = drawn.then(() => {
      waiting = null;
      return once();
    });
    return waiting;
  }

  async function once() {
    let shown;
    try {
      shown = await show(page);
    } catch (error) {
      put(said, error.message);
      said.hidden = false;
      return;
    }
    const { more, pages, of } = shown;
    // What was turned to may be gone by now.
    if (pages && page >= pages) return void turn(pages - 1);
    put(said, [`page ${page + 1}${pages ? ` of ${pages.toLocaleString("en")}` : ""}`, of].filter(Boolean).join(", "));
    [before.disabled, after.disabled] = [page === 0, !more];
    before.hidden = after.hidden = page === 0 && !more;
    said.hidden = before.hidden && !of;
  }

  function turn(to) {
    page = Math.max(0, to);
    return draw();
  }
  return { draw, turn };
}
