// A call over time: what either side sounded like, and under it what the desk was at, stage by stage.

import { element } from "./transcript.js";

const RATE = 16000; // samples a second
const STAGES = ["heard", "end of turn", "understood", "decided", "action", "worded", "spoken"];
const HEIGHT = 100; // of one side of the picture, in its own units
const SVG = "http://www.w3.org/2000/svg";

const at = (id) => document.getElementById(id);

export class Strip {
  constructor(box, sound) {
    Object.assign(this, { box, sound, zoom: 1, length: 1 });
    at("names").replaceChildren(...["caller", "desk", ...STAGES].map((name) => element("li", "", name)));
    at("track").addEventListener("click", (event) => this.seek(event));
    at("in").addEventListener("click", () => this.scale(2));
    at("out").addEventListener("click", () => this.scale(1 / 2));
    sound.addEventListener("timeupdate", () => this.follow());
    sound.addEventListener("seeked", () => this.follow());
    box.addEventListener("keydown", (event) => this.step(event));
  }

  show({ spans, wave, sounded, length }) {
    this.length = Math.max(length, sounded, ...spans.map(({ end }) => end), 1);
    this.zoom = 1;
    this.draw(wave);
    // A recording may be shorter than its call: after a power cut, say.
    at("wave").style.width = wave ? `${(100 * sounded) / this.length}%` : "";
    const bars = spans.filter(({ parent }) => parent).map((span) => this.bar(span)).filter(Boolean);
    at("lanes").replaceChildren(...bars);
    at("head").hidden = !wave;
    this.scale(Math.max(1, this.length / RATE / 40));
    this.box.scrollLeft = 0;
  }

  draw(wave) {
    const picture = at("wave");
    picture.replaceChildren();
    if (!wave) return;
    const columns = wave[0].length;
    picture.setAttribute("viewBox", `0 0 ${columns} ${4 * HEIGHT}`);
    for (const [side, peaks] of wave.entries()) {
      const middle = (2 * side + 1) * HEIGHT;
      const top = peaks.map((peak, x) => `${x} ${middle - Math.max(1, peak)}`);
      const bottom = peaks.map((peak, x) => `${x} ${middle + Math.max(1, peak)}`).reverse();
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("d", `M${[...top, ...bottom].join("L")}Z`);
      path.setAttribute("class", side ? "desk-side" : "caller-side");
      picture.append(path);
    }
  }

  bar(span) {
    const stage = span.name.startsWith("execute_tool") ? "action" : span.name;
    const lane = STAGES.indexOf(stage);
    if (lane < 0) return null;
    const bar = element("span", `stage ${stage.replaceAll(" ", "-")}${span.error ? " failed" : ""}`);
    bar.style.left = `${(100 * span.start) / this.length}%`;
    bar.style.width = `${(100 * (span.end - span.start)) / this.length}%`;
    bar.style.setProperty("--lane", lane);
    const known = Object.entries(span.known).map(([name, value]) => `${name}: ${value}`);
    bar.title = [`${span.name}, ${duration(span.end - span.start)}`, ...known, span.error].filter(Boolean).join("\n");
    return bar;
  }

  scale(by) {
    this.zoom = Math.min(64, Math.max(1, this.zoom * by));
    at("track").style.width = `${100 * this.zoom}%`;
    at("out").disabled = this.zoom === 1;
    this.follow();
  }

  follow() {
    const place = (this.sound.currentTime * RATE) / this.length;
    at("head").style.left = `${100 * place}%`;
    const x = place * at("track").clientWidth;
    const { scrollLeft, clientWidth } = this.box;
    if (!this.sound.paused && (x < scrollLeft || x > scrollLeft + 0.8 * clientWidth)) this.box.scrollLeft = x - 0.2 * clientWidth;
  }

  seek({ clientX }) {
    if (!this.sound.src) return;
    const { left, width } = at("track").getBoundingClientRect();
    this.sound.currentTime = ((clientX - left) / width) * (this.length / RATE);
  }

  step(event) {
    const by = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
    if (event.key === " " && this.sound.src) {
      event.preventDefault();
      if (this.sound.paused) this.sound.play();
      else this.sound.pause();
    } else if (by && this.sound.src) {
      event.preventDefault();
      this.sound.currentTime = Math.max(0, this.sound.currentTime + by);
    }
  }
}

export function duration(samples) {
  const seconds = samples / RATE;
  return seconds < 1 ? `${Math.round(1000 * seconds)} ms` : `${seconds.toFixed(1)} s`;
}
