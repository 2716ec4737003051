// What changed between two texts, line by line.

import { element } from "./transcript.js";

const KIND = { "+": "added", "-": "gone", " ": "same", "…": "gap" };
const SPOKEN = { "+": "added: ", "-": "taken out: " };

export function showChanges(place, rows) {
  place.replaceChildren(
    ...(rows.length ? rows.map(row) : [element("p", "same", "Nothing is different.")]),
  );
  place.scrollTop = 0;
}

function row([sign, before, after, text]) {
  const line = element("div", KIND[sign]);
  const number = element("span", "number", sign === "…" ? "…" : String(after || before));
  number.setAttribute("aria-hidden", "true");
  const mark = element("span", "sign", sign === "…" ? "" : sign);
  mark.setAttribute("aria-hidden", "true");
  line.append(number, mark);
  if (SPOKEN[sign]) line.append(element("span", "unseen", SPOKEN[sign]));
  line.append(element("code", "", text));
  return line;
}
