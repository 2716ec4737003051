// A chat with the desk over a WebSocket, opened with the first words.

import { Problem } from "./voice.js";

export const LETTERS = 2000; // as in channels/web.py

export class Chat {
  // `transcript` shows it; `complain` takes a Problem.
  constructor(transcript, complain) {
    Object.assign(this, { transcript, complain });
    this.socket = null;
  }

  send(text, path = "chat") {
    const message = JSON.stringify({ text });
    if (this.socket?.readyState === WebSocket.OPEN) return this.socket.send(message);
    if (this.socket?.readyState === WebSocket.CONNECTING) {
      return this.socket.addEventListener("open", ({ target }) => target.send(message));
    }
    const socket = (this.socket = new WebSocket(new URL(path, location.href.replace(/^http/, "ws"))));
    socket.onopen = () => socket.send(message);
    socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    socket.onclose = ({ code }) => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.transcript.settle();
      const problem = farewell(code);
      if (problem) this.complain(problem);
    };
  }

  // Another desk will answer: what is said next opens another chat.
  leave() {
    this.socket?.close(1000);
    this.socket = null;
    this.transcript.settle();
  }

  receive(message) {
    if (message.type === "say") this.transcript.say(message.text);
    else if (message.type === "turn") this.transcript.wrote(message);
    else if (message.type === "problem" || message.type === "refused") {
      this.transcript.settle();
      this.complain(new Problem(message.wrong, message.mend));
    }
  }
}

// What is wrong with words that are too many; nothing where they are not.
export function tooLong(text) {
  if (text.length <= LETTERS) return null;
  const counts = `This has ${text.length.toLocaleString("en")} letters; the desk reads ${LETTERS.toLocaleString("en")}`;
  return new Problem("That is too long", counts);
}

// Enter sends, Shift+Enter makes a line.
export function sendOnEnter(field, form) {
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
}

// Why the box ended a chat, where that is worth a word and it has not said so itself.
function farewell(code) {
  const [wrong, mend] = {
    1000: [],
    1001: ["The desk is closing"],
    1006: ["The box does not answer", "See that it is on, then write again"],
    1009: ["That is too long", "Write less at a time"],
    1013: ["Everybody here is busy", "Try again in a minute"],
  }[code] ?? ["The conversation broke off", "Write again to begin another"];
  return wrong && new Problem(wrong, mend);
}
