import { at, put } from "./parts.js";

// A list that is turned page by page: `show` is given a page's number and draws it; it tells whether more follow.
export function paging(show) {
  let page = 0;
  async function draw() {
    const more = await show(page);
    put(at("page"), `page ${page + 1}`);
    at("before").disabled = page === 0;
    at("after").disabled = !more;
  }
  at("before").addEventListener("click", () => turn(page - 1));
  at("after").addEventListener("click", () => turn(page + 1));
  const turn = (to) => {
    page = Math.max(0, to);
    return draw();
  };
  return { draw, turn };
}
