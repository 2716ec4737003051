// What both pages are made of.

export const at = (id) => document.getElementById(id);

export function make(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function drawn(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// Changes only what has changed, so that a reader's place, and the screen reader's, is kept.
export function put(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

export function ago(then, now) {
  if (!then) return "never";
  const seconds = Math.max(0, (now - then) / 1000);
  for (const [size, unit] of [[86400, "days"], [3600, "hours"], [60, "minutes"]])
    if (seconds >= 2 * size) return `${Math.round(seconds / size)} ${unit} ago`;
  return seconds < 5 ? "now" : `${Math.round(seconds)} seconds ago`;
}

export const milliseconds = (value) => (value == null ? "–" : `${value.toLocaleString("en")} ms`);

export async function ask(address, body) {
  const options = body && { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const answer = await fetch(address, options);
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.wrong ?? answer.statusText);
  return told;
}
