// Microphone and speaker of a call in one processor, so that both run on one sample clock.
// Up, per 20 ms: an ArrayBuffer, as the box expects it (see HEADER in channels/web.py), or {dropped} after a
// cut. Down: an ArrayBuffer of s16 samples to play next, or "cut".

const HEADER = 24;
const FADE = Math.round(sampleRate / 200);

class Handset extends AudioWorkletProcessor {
  constructor() {
    super();
    this.count = Math.round(sampleRate / 50);
    this.begin(0);
    this.origin = null;
    this.queue = [];
    this.offset = 0;
    this.played = 0;
    this.until = 0;
    this.port.onmessage = ({ data }) => {
      if (data === "cut") this.cut();
      else this.queue.push(new Int16Array(data));
    };
  }

  process([input], [[speaker]]) {
    this.origin ??= currentFrame;
    const now = currentFrame - this.origin;
    this.record(input[0], speaker.length, now);
    this.play(speaker, now);
    return true;
  }

  begin(at) {
    this.at = at;
    this.filled = 0;
    this.packet = new ArrayBuffer(HEADER + 2 * this.count);
    this.samples = new Int16Array(this.packet, HEADER);
  }

  record(microphone, length, now) {
    for (let i = 0; i < length; i++) {
      const sample = microphone ? microphone[i] : 0;
      this.samples[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
      if (this.filled === this.count) {
        new BigUint64Array(this.packet, 0, 3).set([this.at, this.played, this.until].map(BigInt));
        this.port.postMessage(this.packet, [this.packet]);
        this.begin(now + i + 1);
      }
    }
  }

  play(speaker, now) {
    for (let i = 0; i < speaker.length && this.queue.length; i++) {
      speaker[i] = this.queue[0][this.offset++] / 32768;
      this.played++;
      this.until = now + i + 1;
      if (this.offset === this.queue[0].length) {
        this.queue.shift();
        this.offset = 0;
      }
    }
  }

  cut() {
    const length = this.queue.reduce((sum, chunk) => sum + chunk.length, -this.offset);
    const tail = new Int16Array(Math.min(length, FADE));
    for (let i = 0, chunk = 0, offset = this.offset; i < tail.length; i++) {
      tail[i] = this.queue[chunk][offset++] * (1 - (i + 1) / tail.length);
      if (offset === this.queue[chunk].length) {
        chunk++;
        offset = 0;
      }
    }
    this.queue = tail.length ? [tail] : [];
    this.offset = 0;
    this.port.postMessage({ dropped: length - tail.length });
  }
}

registerProcessor("handset", Handset);
