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

export async function ask(address, body, method = body ? "POST" : "GET") {
  const options = { method };
  if (body) Object.assign(options, { body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  const answer = await fetch(address, options).catch(() => {
    throw new Error("The server does not answer");
  });
  if (answer.status === 401) {
    location.assign(`/access/enter.html?to=${encodeURIComponent(location.pathname)}`);
    return new Promise(() => {});
  }
  // Some refusals are plain text.
  const said = await answer.text();
  const told = answer.headers.get("content-type")?.includes("json") ? JSON.parse(said) : { wrong: said };
  if (!answer.ok) throw new Error(told.detail ?? told.wrong ?? answer.statusText);
  return told;
}

export const api = (path, body, method) => ask(`/api/1/${path}`, body, method);

export const when = (then) => new Date(then).toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" });

export const count = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

// A button that does something, and says in `told` what came of it.
export function button(label, deed, told, done = "") {
  const made = make("button", label, { type: "button" });
  made.addEventListener("click", () => tried(deed, told, done));
  return made;
}

export async function tried(deed, told, done) {
  try {
    await deed();
    put(told, done);
    return true;
  } catch (error) {
    put(told, error.message);
    return false;
  }
}

const PLACES = [
  ["/", "The fleet", "viewer"],
  ["/alerts", "Alerts", "viewer"],
  ["/rollouts", "Rollouts", "viewer", true],
  ["/questions", "Questions", "viewer"],
  ["/settings", "Settings", "admin"],
  ["/audit", "Changes", "admin"],
];

// Who looks, and where he may go; what is for other roles is taken out of the page.
export async function enter() {
  const me = await ask("/access/me");
  const may = (role) => me.roles.indexOf(me.role) >= me.roles.indexOf(role);
  for (const part of document.querySelectorAll("[data-role]")) if (!may(part.dataset.role)) part.remove();
  const links = PLACES.filter(([, , role, whole]) => may(role) && !(whole && me.scope)).map(([address, label]) => {
    const here = location.pathname === address ? { "aria-current": "page" } : {};
    return make("a", label, { href: address, ...here });
  });
  if (me.by === "session") {
    links.push(make("a", me.name, { href: "/access/account.html", class: "me" }));
    const leave = button("Leave", () => ask("/access/leave", {}).then(() => location.assign("/access/enter.html")), make("p"));
    links.push(leave);
  }
  document.querySelector("nav").replaceChildren(...links);
  return { ...me, may };
}
