// The visitors' screen: the desk and nothing else, and nothing of the visitor before.

const LEFT = 90000; // milliseconds without a touch after which a visitor has gone

const at = (id) => document.getElementById(id);

export class Kiosk {
  constructor() {
    this.wakes = false; // whether the button wakes the box's own microphone
    for (const each of document.querySelectorAll(".status, #editor, #door, #wake")) each.remove();
    document.body.classList.add("kiosk");
    for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, () => this.touched());
    addEventListener("contextmenu", (event) => event.preventDefault());
    this.touched();
  }

  async refresh({ kiosk, accounts, claimed, network }) {
    this.wakes = kiosk;
    if (kiosk) at("hint").textContent = "Press, then speak";
    const setting = accounts && !claimed && network;
    at("unclaimed").hidden = !setting;
    if (setting) await showUnclaimed(at("unclaimed"), network);
  }

  touched() {
    clearTimeout(this.leaving);
    this.leaving = setTimeout(() => this.leave(), LEFT);
  }

  leave() {
    const busy = document.body.dataset.state !== "ready";
    if (busy || !at("transcript").children.length) return this.touched();
    location.reload();
  }
}

/** How the first account is made: here, or from another machine with the code that only this one shows. */
export async function showUnclaimed(place, network) {
  const kiosk = document.body.classList.contains("kiosk");
  const { code } = network ? await (await fetch("access/code")).json() : {};
  const words = [];
  if (!kiosk) {
    const link = document.createElement("a");
    link.href = "access/enter.html";
    link.textContent = "Make an account";
    words.push("Whoever is at this machine may change everything here. ", link, ", and only who has one may. ");
  }
  if (code) words.push(`From another machine: open ${network} and give the code ${code}.`);
  const text = words.map((each) => each.textContent ?? each).join("");
  if (place.textContent !== text) place.replaceChildren(...words);
}
