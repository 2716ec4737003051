// What nothing answered, over all boxes.
import { ago, ask, at, count, enter, make, put } from "./parts.js";
import { paging } from "./paging.js";

await enter();

const pages = paging(async (page) => {
  const found = await ask(`/data/questions?page=${page}`);
  put(at("verdict"), found.questions ? `${count(found.questions, "question", "questions")} of the last 7 days` : "None was told of in the last 7 days");
  at("by").hidden = found.by === "meaning";
  at("groups").replaceChildren(...found.groups.map(shown));
  return { pages: found.pages, more: page + 1 < found.pages };
});

function shown({ times, boxes, sites, newest, phrases, more, phrase }) {
  const item = make("li");
  const words = make("div");
  const [first, ...others] = phrases;
  const where = sites.filter(Boolean).join(", ");
  words.append(
    make("div", `“${first}”`),
    make("div", [count(boxes, "box", "boxes"), where, ago(newest, Date.now())].filter(Boolean).join("; "), { class: "why" }),
  );
  if (others.length) words.append(make("div", `also: ${others.map((text) => `“${text}”`).join(", ")}${more ? ` and ${more} more` : ""}`, { class: "why" }));
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

pages.draw();
