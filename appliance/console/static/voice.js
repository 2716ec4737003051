// A voice call: the microphone to the box, the desk's sound to the speaker.

const STALLED = 1 << 18; // bytes that may wait in the socket; beyond that sound is lost, and the box told by the clock
const QUIET = 300; // milliseconds without a sample played after which the desk is silent

export class Problem extends Error {
  constructor(wrong, mend = "") {
    super(mend ? `${wrong}. ${mend}.` : `${wrong}.`);
  }
}

export class VoiceCall {
  // `heard` takes each message of the box, `level` the microphone's, 0 to 1, `speaking` true or false, and
  // `ended` the Problem that ended the call, or nothing.
  constructor({ heard, level, speaking, ended, path = "talk" }) {
    Object.assign(this, { heard, level, speaking, ended, path });
    this.played = 0n;
    this.playedAt = -Infinity;
    this.isSpeaking = false;
    this.over = false;
  }

  async start() {
    try {
      this.context = new AudioContext({ latencyHint: "interactive" });
      this.stream = await openMicrophone();
      if (this.over) return this.release();
      await this.context.audioWorklet.addModule("worklet.js");
      await this.context.resume();
      if (this.over) return this.release();
      this.stream.getAudioTracks()[0].onended = () =>
        this.end(new Problem("The microphone is gone", "Plug it in and press the button again"));
      this.connect();
    } catch (error) {
      this.end(error instanceof Problem ? error : new Problem("The sound could not be started", error.message));
    }
  }

  connect() {
    this.socket = new WebSocket(new URL(this.path, location.href.replace(/^http/, "ws")));
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.tell({ type: "hello", rate: this.context.sampleRate });
    this.socket.onmessage = ({ data }) => {
      if (typeof data === "string") this.receive(JSON.parse(data));
      else this.handset.port.postMessage(data, [data]);
    };
    this.socket.onclose = ({ code }) => this.end(this.farewell(code));
  }

  // Why the box ended the call, where that is worth a word.
  farewell(code) {
    if (code === 1001) return new Problem("The desk is closing");
    if (code !== 1000) return new Problem("The call broke off", "Press the button to talk again");
    if (!this.played) return new Problem("The desk cannot talk now", "See what is on and off, or write to it instead");
  }

  receive(message) {
    if (message.type === "ready") this.pickUp();
    else if (message.type === "cut") this.handset.port.postMessage("cut");
    else if (message.type === "refused") this.end(new Problem(message.wrong, message.mend));
    else this.heard(message);
  }

  pickUp() {
    this.handset = new AudioWorkletNode(this.context, "handset", {
      channelCount: 1,
      channelCountMode: "explicit",
      outputChannelCount: [1],
    });
    this.handset.port.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) this.sendPacket(data);
      else this.tell({ type: "cut", dropped: data.dropped });
    };
    this.context.createMediaStreamSource(this.stream).connect(this.handset).connect(this.context.destination);
    this.heard({ type: "ready" });
  }

  sendPacket(packet) {
    if (this.over) return;
    const open = this.socket.readyState === WebSocket.OPEN;
    if (open && this.socket.bufferedAmount < STALLED) this.socket.send(packet);
    this.level(loudness(new Int16Array(packet, 24)));
    const played = new BigUint64Array(packet, 0, 3)[1];
    if (played !== this.played) this.playedAt = performance.now();
    this.played = played;
    const isSpeaking = performance.now() - this.playedAt < QUIET;
    if (isSpeaking !== this.isSpeaking) this.speaking(isSpeaking);
    this.isSpeaking = isSpeaking;
  }

  tell(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  end(problem) {
    if (this.over) return;
    this.over = true;
    this.release();
    this.ended(problem);
  }

  release() {
    this.socket?.close(1000);
    this.stream?.getTracks().forEach((track) => track.stop());
    if (this.context && this.context.state !== "closed") this.context.close();
  }
}

async function openMicrophone() {
  if (!navigator.mediaDevices) {
    throw new Problem(
      "The browser gives the microphone only to pages of this same machine, or over https",
      "Open the page on the box itself, or write instead",
    );
  }
  try {
    // Noise is left in: where it is suppressed, no more words are understood (docs/turns.md). How soft the visitor's
    // microphone is nobody knows, so it is levelled.
    return await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: false, autoGainControl: true },
    });
  } catch (error) {
    throw {
      NotAllowedError: new Problem(
        "The browser may not use the microphone",
        "Allow it by the sign beside the page's address, then press the button again",
      ),
      NotFoundError: new Problem("There is no microphone", "Plug one in, then press the button again"),
      NotReadableError: new Problem(
        "The microphone cannot be opened",
        "Close the program that is using it, then press the button again",
      ),
    }[error.name] ?? error;
  }
}

// 0 at -60 dB and below, 1 at full scale.
function loudness(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibels = 10 * Math.log10(sum / samples.length / 32768 ** 2 + 1e-12);
  return Math.max(0, Math.min(1, 1 + decibels / 60));
}
