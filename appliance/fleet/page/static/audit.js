import { api, at, enter, make, put, tried } from "./parts.js";
import { paging } from "./paging.js";

await enter();

const pages = paging(async (page) => {
  const found = await api(`audit?page=${page}&size=50&about=${encodeURIComponent(at("about").value)}`);
  at("changes").replaceChildren(...found.items.map(row));
  put(at("verdict"), found.items.length ? "Each row holds the hash of the row before it" : "Nothing was changed yet");
  return found;
});

function row({ number, utc, who, what, about, before, after, detail }) {
  const made = make("tr");
  const change = [before, after].some(Boolean) ? `${before || "–"} → ${after || "–"}` : "";
  const more = Object.entries(detail).map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`);
  made.append(make("td", number, { class: "n" }));
  for (const text of [utc.slice(0, 19).replace("T", " "), who, what, about, change, more.join("; ")]) made.append(make("td", text));
  return made;
}

async function verify() {
  const { whole, wrong, rows, head } = await api("audit/verdict");
  at("whole").classList.toggle("bad", !whole);
  const found = `${rows.toLocaleString("en")} changes`;
  return whole ? `It is whole: ${found}. Note the head: ${rows}:${head}` : `It is not whole: ${wrong}`;
}

let waiting = 0;
at("about").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => pages.turn(0), 200);
});
at("search").addEventListener("submit", (event) => event.preventDefault());
at("verify").addEventListener("click", async () => {
  let said = "";
  if (await tried(async () => (said = await verify()), at("whole"), "")) put(at("whole"), said);
});
pages.draw();
