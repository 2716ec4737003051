// The page: the talk button, the text field, and what is on and off.

import { Chat, sendOnEnter, tooLong } from "./chat.js";
import { Kiosk, showUnclaimed } from "./kiosk.js";
import { Transcript } from "./transcript.js";
import { Problem, VoiceCall } from "./voice.js";

const STATES = {
  ready: ["Ready", "Press to talk"],
  starting: ["One moment", "Press to cancel"],
  listening: ["Listening", "Press to end"],
  hearing: ["Hearing you", "Press to end"],
  thinking: ["Thinking", "Press to end"],
  speaking: ["Speaking", "Press to end"],
};

const at = (id) => document.getElementById(id);
const transcript = new Transcript(at("transcript"), at("announcer"));
const chat = new Chat(transcript, complain);
const kiosk = location.pathname === "/kiosk" ? new Kiosk() : null;
let call = null;

function show(state) {
  document.body.dataset.state = state;
  [at("state").textContent, at("hint").textContent] = STATES[state];
  at("talk").setAttribute("aria-pressed", state !== "ready");
}

function complain(problem) {
  at("problem").textContent = problem?.message ?? "";
  at("problem").hidden = !problem;
}

// Talking

at("talk").addEventListener("click", () => {
  complain();
  if (kiosk?.wakes) return wake();
  if (call) return call.end();
  show("starting");
  call = new VoiceCall({ heard: onMessage, level: showLevel, speaking: onSpeaking, ended: onEnded });
  call.start();
});

function onMessage(message) {
  switch (message.type) {
    case "ready":
      return show("listening");
    case "speechstarted":
      return show("hearing");
    case "partial":
      return transcript.partial(message.text);
    case "noise":
      transcript.noise();
      return show(call?.isSpeaking ? "speaking" : "listening");
    case "heard":
      transcript.heard(message);
      return show("thinking");
    case "saying":
      return transcript.saying(message);
    case "turn":
      return transcript.turn(message);
    case "half-duplex":
      return complain(
        new Problem(
          "The desk hears its own voice from your loudspeaker, so it no longer listens while it speaks",
          "use headphones, or turn the loudspeaker down",
        ),
      );
  }
}

function onSpeaking(speaking) {
  if (speaking) show("speaking");
  else if (document.body.dataset.state === "speaking") show("listening");
}

function onEnded(problem) {
  call = null;
  transcript.settle();
  showLevel(0);
  show("ready");
  complain(problem);
}

function showLevel(level) {
  at("level").value = level;
  document.body.style.setProperty("--level", level.toFixed(3));
}

// Writing

at("write").addEventListener("submit", (event) => {
  event.preventDefault();
  complain();
  const text = at("text").value.trim();
  if (!text) return;
  const problem = tooLong(text);
  if (problem) return complain(problem);
  at("text").value = "";
  transcript.typed(text);
  chat.send(text);
});

sendOnEnter(at("text"), at("write"));

// What is on and off

async function refresh() {
  try {
    const answer = await fetch("health");
    const health = await answer.json();
    if (health.enter && !call) return location.assign(`${health.enter}?to=${location.pathname}`);
    if (!answer.ok) throw new Error(health.wrong);
    document.title = at("desk").textContent = health.desk;
    if (kiosk) await kiosk.refresh(health);
    else showDesk(health);
    document.body.classList.remove("away");
  } catch {
    document.body.classList.add("away");
    if (!kiosk) at("summary").textContent = "The box does not answer";
  }
}

function showDesk({ status, editor, accounts, claimed, name, network }) {
  document.querySelector(".status").hidden = !status;
  at("status").replaceChildren(...(status ?? []).map(statusItem));
  const off = (status ?? []).filter(({ on }) => !on).length;
  at("editor").hidden = !editor;
  at("wake").hidden = !(status ?? []).some((each) => each.name === "kiosk" && each.on);
  at("summary").textContent = off ? `${status.length - off} on, ${off} off` : "All on";
  at("door").hidden = !claimed || Boolean(name);
  at("unclaimed").hidden = !accounts || claimed;
  if (accounts && !claimed) showUnclaimed(at("unclaimed"), network);
}

function statusItem({ name, on, why }) {
  const item = document.createElement("li");
  item.className = on ? "on" : "off";
  const [what, how, reason] = ["b", "span", "p"].map((tag) => document.createElement(tag));
  what.textContent = name;
  how.textContent = on ? "on" : "off";
  reason.textContent = why;
  item.append(what, how, reason);
  return item;
}

at("wake")?.addEventListener("click", wake);

async function wake() {
  complain();
  const woken = await fetch("wake", { method: "POST" }).catch(() => null);
  if (!woken?.ok) complain(new Problem("The kiosk could not be woken", "See what is on and off"));
}

show("ready");
refresh();
setInterval(refresh, 5000);
