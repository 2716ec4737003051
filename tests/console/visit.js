// Opens the page in chromium and does what it is told: node visit.js '{"url": ..., "steps": [...]}'.
// Prints one JSON object: what was read on the way, what the page complained of, whom it asked, and what it
// played (s16le, base64).

import { chromium } from "playwright-core";

// Listens in on the way to the speaker, in the sound's own thread, so that nothing is missed. It comes from
// outside the page, so only a visit that listens goes without the page's content policy.
const TAP = `registerProcessor("tap", class extends AudioWorkletProcessor {
  process([[sound]]) {
    if (sound) this.port.postMessage(sound.slice());
    return true;
  }
})`;

const visit = JSON.parse(process.argv[2]);
const browser = await chromium.launch({
  executablePath: visit.chromium,
  args: [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=user-gesture-required",
    "--use-fake-device-for-media-stream",
    ...(visit.denied ? ["--deny-permission-prompts"] : ["--use-fake-ui-for-media-stream"]),
    ...(visit.microphone ? [`--use-file-for-fake-audio-capture=${visit.microphone}%noloop`] : []),
  ],
});
const context = await browser.newContext({
  viewport: visit.viewport ?? { width: 1280, height: 800 },
  colorScheme: visit.dark ? "dark" : "light",
  deviceScaleFactor: visit.scale ?? 1,
  bypassCSP: Boolean(visit.listen),
});
const page = await context.newPage();
const told = { readings: {}, complaints: [], asked: [] };
page.on("console", (message) => {
  // The browser counts an answer that refuses as an error; the page expects it.
  const refusal = /status of 4(01|03|09|22|29)/.test(message.text()) && /\/(desk|access)\//.test(message.location().url);
  if (message.type() === "error" && !refusal) told.complaints.push(message.text());
});
page.on("pageerror", (error) => told.complaints.push(String(error)));
page.on("request", (request) => told.asked.push(request.url()));
page.on("websocket", (socket) => told.asked.push(socket.url()));
await page.addInitScript(listenIn, { rate: visit.rate, plain: visit.plain, tap: visit.listen && TAP });

try {
  await page.goto(visit.url);
  for (const [verb, ...args] of visit.steps) await verbs()[verb](...args);
  told.complaints.push(...(await page.evaluate(() => window.violations)));
  [told.rate, told.output] = await page.evaluate(() => window.played());
} catch (error) {
  told.failed = String(error);
  told.page = await page.evaluate(() => document.body.innerText).catch(() => "");
}
await browser.close();
console.log(JSON.stringify(told));

function verbs() {
  return {
    press: (selector) => page.click(selector),
    key: (name) => page.keyboard.press(name),
    focus: (selector) => page.focus(selector),
    choose: (selector, option) => page.selectOption(selector, option),
    fill: (selector, text, times = 1) => page.fill(selector, text.repeat(times)),
    wait: (seconds) => page.waitForTimeout(seconds * 1000),
    see: (selector, text) => page.locator(selector).filter({ hasText: text }).first().waitFor({ timeout: 20000 }),
    read: async (name, selector) => (told.readings[name] = await page.locator(selector).allInnerTexts()),
    evaluate: async (name, script) => (told.readings[name] = await page.evaluate(script)),
    shoot: (path) => page.screenshot({ path }),
  };
}

// In the page, before its own scripts: keeps what goes to the speaker, and what the content policy refused.
// `rate` is the sound card's; a `plain` microphone has no echo canceller, noise suppressor and gain control.
function listenIn({ rate, plain, tap }) {
  window.violations = [];
  document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
  const pieces = [];
  let context = null;
  if (rate) {
    const Original = window.AudioContext;
    window.AudioContext = class extends Original {
      constructor(options) {
        super({ ...options, sampleRate: rate });
      }
    };
  }
  if (plain) {
    const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    navigator.mediaDevices.getUserMedia = () => original({ audio });
  }
  const addModule = AudioWorklet.prototype.addModule;
  AudioWorklet.prototype.addModule = async function (url) {
    if (tap) await addModule.call(this, URL.createObjectURL(new Blob([tap], { type: "text/javascript" })));
    return addModule.call(this, url);
  };
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (tap && target === this.context.destination && !context) {
      context = this.context;
      const node = new AudioWorkletNode(context, "tap");
      node.port.onmessage = ({ data }) => pieces.push(Int16Array.from(data, (x) => x * 32767));
      connect.call(this, node);
    }
    return connect.call(this, target, ...rest);
  };
  window.played = () => {
    let text = "";
    for (const piece of pieces) for (const byte of new Uint8Array(piece.buffer)) text += String.fromCharCode(byte);
    return [context?.sampleRate ?? 0, btoa(text)];
  };
}
