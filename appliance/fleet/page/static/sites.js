// The sites as squares: one for each, the worst first; a square leads to its boxes. Only what has changed is drawn.
import { ask, at, make, put } from "./parts.js";

const EVERY = 5000;
const squares = new Map();
let order = "";

async function look() {
  let found;
  try {
    found = await ask("/data/sites");
  } catch {
    return;
  }
  const there = new Set(found.sites.map(({ site }) => site));
  for (const [site, square] of squares)
    if (!there.has(site)) {
      square.remove();
      squares.delete(site);
    }
  for (const each of found.sites) show(each);
  const now = JSON.stringify([...there]);
  if (now !== order && !at("sites").contains(document.activeElement)) {
    order = now;
    at("sites").append(...found.sites.map(({ site }) => squares.get(site)));
  }
  const stop = at("sites").querySelector("[tabindex='0']") ?? at("sites").firstElementChild;
  if (stop) stop.tabIndex = 0;
  const more = found.more ? "; the worst are shown" : "";
  put(at("sites-legend"), `${found.sites.length.toLocaleString("en")} sites${more}. A number is how many boxes of it are away or have something off.`);
  showOutboxes(found.outboxes);
}

function show({ site, boxes, away, off, calls }) {
  const name = site || "no site";
  const state = away * 2 > boxes ? "gone" : away ? "away" : off ? "off" : "well";
  const says = `${name}: ${boxes} boxes, ${away} away, ${off} with something off, ${calls} calls now`;
  let square = squares.get(site);
  if (!square) {
    square = make("button", "", { type: "button", tabindex: "-1" });
    square.addEventListener("click", () => choose(site));
    squares.set(site, square);
    at("sites").append(square);
  }
  if (square.title === says) return;
  square.title = says;
  square.setAttribute("aria-label", says);
  square.className = state;
  put(square, away + off || "");
}

function choose(site) {
  at("text").value = site;
  at("text").dispatchEvent(new Event("input"));
  at("text").focus();
}

// One stop for the Tab key; the arrows go on from there.
at("sites").addEventListener("keydown", (event) => {
  const all = [...at("sites").children];
  const here = all.indexOf(document.activeElement);
  const across = Math.max(1, Math.floor(at("sites").clientWidth / (all[0]?.offsetWidth + 4)));
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[event.key];
  const next = all[here + by];
  if (here < 0 || !next) return;
  event.preventDefault();
  all[here].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});

const SPANS = {
  60: "Boxes that have told all, to the last minute",
  600: "Boxes up to 10 minutes behind",
  3600: "Boxes up to an hour behind",
  86400: "Boxes up to a day behind",
  604800: "Boxes up to a week behind",
  0: "Boxes more than a week behind",
};

let waiting = "";

function showOutboxes(outboxes) {
  const told = JSON.stringify(outboxes);
  if (told === waiting) return;
  waiting = told;
  at("outboxes").replaceChildren(
    ...outboxes
      .filter(({ boxes }) => boxes)
      .flatMap(({ most, boxes }) => [make("dt", SPANS[most]), make("dd", boxes.toLocaleString("en"))]),
  );
}

look();
setInterval(look, EVERY);
