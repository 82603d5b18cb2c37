// The page's line to the server. It knows nothing of what the page looks like. Lesson 06.

import { codecs } from "./codec.js";

/** The address of the chat's socket: next to the page, whatever its prefix, as safe as the page. */
export function socketUrl(location, query = {}) {
  const url = new URL("ws", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = new URLSearchParams(query);
  return url.href;
}

/**
 * How many milliseconds to wait before try number `attempt` (0, 1, 2 …): anything up to 0.5 s,
 * 1 s, 2 s … 30 s. The chance keeps a thousand clients from coming back in the same instant.
 */
export function backoff(attempt, random = Math.random) {
  return random() * Math.min(30_000, 500 * 2 ** attempt);
}

function decode(text, codec) {
  try {
    const frame = codec.decode(text);
    if (frame !== null && typeof frame === "object") return frame;
  } catch {
    // Told below: a frame that can't be read must not end the chat.
  }
  return { error: "bad_frame", detail: "The server sent a frame that this page can't read." };
}

const browser = {
  WebSocket: globalThis.WebSocket,
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer),
  random: Math.random,
};

/**
 * A WebSocket that comes back by itself.
 *
 * `onMessage(frame)` gets every decoded frame. `onState(state, seconds)` gets "connecting",
 * "connected" or "cut off"; `seconds` is the wait until the next try. `environment` replaces
 * WebSocket, setTimeout, clearTimeout or random in a test.
 */
export class ChatSocket {
  constructor(url, { onMessage, onState, ...environment }) {
    Object.assign(this, browser, { url, onMessage, onState }, environment);
    this.attempt = 0;
    this.socket = null;
    this.timer = null;
  }

  /** Opens a socket to `url`; the one before, if any, is closed and heard no more. */
  connect() {
    this.close();
    const socket = new this.WebSocket(this.url, Object.keys(codecs));
    socket.onopen = () => this.onState("connected");
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = () => this.retry();
    this.socket = socket;
    this.onState("connecting");
  }

  receive(text) {
    this.attempt = 0; // Not when it opens: a server that opens and hangs up must not be hammered.
    this.onMessage(decode(text, this.codec));
  }

  retry() {
    const wait = backoff(this.attempt++, this.random);
    this.timer = this.setTimeout(() => this.connect(), wait);
    this.onState("cut off", Math.ceil(wait / 1000));
  }

  /** Tries at once instead of waiting: the network is back, or somebody is looking again. */
  wake() {
    if (this.timer === null) return;
    this.attempt = 0;
    this.connect();
  }

  /** Sends an object; false if the socket isn't open, so that the caller can keep the text. */
  send(object) {
    if (this.socket?.readyState !== this.WebSocket.OPEN) return false;
    this.socket.send(this.codec.encode(object));
    return true;
  }

  /** Hangs up and stays so until `connect`. */
  close() {
    this.clearTimeout(this.timer);
    this.timer = null;
    if (!this.socket) return;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
  }

  get codec() {
    return codecs[this.socket.protocol] ?? codecs["chatkit.json"];
  }
}
