// What nothing answered, over all boxes.
import { ago, ask, at, make, put } from "./parts.js";

let page = 0;
let pages = 1;

async function look() {
  const found = await ask(`/data/questions?page=${page}`);
  pages = found.pages;
  put(at("verdict"), found.questions ? `${found.questions.toLocaleString("en")} questions of the last 7 days` : "None was told of in the last 7 days");
  put(at("page"), `page ${page + 1} of ${pages}`);
  at("before").disabled = page === 0;
  at("after").disabled = page + 1 >= pages;
  at("groups").replaceChildren(...found.groups.map(shown));
}

function shown({ times, boxes, sites, newest, phrases, phrase }) {
  const item = make("li");
  const words = make("div");
  const [first, ...others] = phrases;
  const where = sites.filter(Boolean).join(", ");
  words.append(
    make("div", `“${first}”`),
    make("div", [`${boxes} ${boxes === 1 ? "box" : "boxes"}`, where, ago(newest, Date.now())].filter(Boolean).join("; "), { class: "why" }),
  );
  if (others.length) words.append(make("div", `also: ${others.map((text) => `“${text}”`).join(", ")}`, { class: "why" }));
  words.append(proposal(phrase));
  item.append(make("span", times.toLocaleString("en"), { class: "n" }), words);
  return item;
}

// What a manager copies into a desk file: a new fact's phrase, or one more of a fact that is there.
function proposal(phrase) {
  const details = make("details");
  const field = make("input", "", { value: phrase, maxlength: "200", "aria-label": "The phrase" });
  const line = make("code");
  const copy = make("button", "Copy", { type: "button" });
  const write = () => put(line, `phrases = [${JSON.stringify(field.value)}]`);
  field.addEventListener("input", write);
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(line.textContent);
    put(copy, "Copied");
  });
  write();
  details.append(make("summary", "Propose a phrase"), field, line, copy);
  return details;
}

const turn = (by) => {
  page = Math.min(pages - 1, Math.max(0, page + by));
  look();
};
at("before").addEventListener("click", () => turn(-1));
at("after").addEventListener("click", () => turn(1));
look();
