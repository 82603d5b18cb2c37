// The page's line to the server. It knows nothing of what the page looks like.

import { codecs } from "./codec.js";
import { timers } from "./timers.js";

const BEAT = 20_000; // milliseconds between two questions; one must be answered before the next
const REFUSALS = [400, 403, 429, 503];
const ROOMS = { event: "rooms" };

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

/**
 * The server's own sentence on why it lets no socket in at an address, or "". A browser tells
 * nothing of a refused socket, but the same address asked over HTTP gives the same answer.
 */
export async function refusal(url, fetch = globalThis.fetch) {
  const answer = await fetch(url.replace(/^ws/, "http"), { cache: "no-store" });
  const plain = answer.headers.get("Content-Type")?.startsWith("text/plain");
  return plain && REFUSALS.includes(answer.status) ? answer.text() : "";
}

function decode(text, codec) {
  try {
    const frame = codec.decode(text);
    if (frame !== null && typeof frame === "object") return frame;
  } catch {
    // Told below: a frame that can't be read must not end the chat.
  }
  return { error: "unreadable", detail: "The server sent a frame that this page can't read." };
}

const browser = {
  ...timers,
  WebSocket: globalThis.WebSocket,
  refusal,
  random: Math.random,
  onRefused: () => {},
};

/**
 * A WebSocket that comes back by itself.
 *
 * `address()` is where it leads now. `onMessage(frame)` gets every decoded frame.
 * `onState(state, seconds)` gets "connecting", "connected" or "cut off"; `seconds` is the wait
 * until the next try. `onRefused(sentence)` gets the server's reason for letting us not in.
 * `question` is sent now and then, to hear whether the line still stands. `environment` replaces
 * WebSocket, setTimeout, clearTimeout, refusal or random in a test.
 */
export class ChatSocket {
  constructor(address, { onMessage, onState, question = ROOMS, ...environment }) {
    Object.assign(this, browser, { address, onMessage, onState, question }, environment);
    this.attempt = 0;
    this.socket = this.timer = this.beating = null;
  }

  /** Opens a socket to where `address()` leads; the one before, if any, is heard no more. */
  connect() {
    this.close();
    const socket = new this.WebSocket(this.address(), Object.keys(codecs));
    socket.onopen = () => this.opened();
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = () => this.ended(socket.url);
    this.socket = socket;
    this.beat();
    this.onState("connecting");
  }

  opened() {
    this.isOpen = true;
    if (!this.hasEvents) this.clearTimeout(this.beating); // A plain server answers no question.
    this.onState("connected");
  }

  receive(text) {
    const frame = decode(text, this.codec);
    // Not when it opens: a server that opens, complains and hangs up must not be hammered.
    if (!frame.error) this.attempt = 0;
    this.asked = false;
    this.onMessage(frame);
  }

  /** Asks a question every 20 s; if nothing at all has come since the last one, the line is dead. */
  beat() {
    this.beating = this.setTimeout(() => {
      if (this.asked) return this.retry();
      this.asked = true;
      this.send(this.question);
      return this.beat();
    }, BEAT);
  }

  ended(url) {
    if (!this.isOpen) this.askWhy(url);
    this.retry();
  }

  async askWhy(url) {
    const sentence = await this.refusal(url).catch(() => ""); // Then nobody is there at all.
    if (sentence && !this.isOpen) this.onRefused(sentence);
  }

  /** Waits, and connects again. */
  retry() {
    this.close();
    const wait = backoff(this.attempt++, this.random);
    this.timer = this.setTimeout(() => this.connect(), wait);
    this.onState("cut off", Math.ceil(wait / 1000));
  }

  /** Tries at once instead of waiting: somebody is looking again. */
  wake() {
    if (this.timer !== null) this.renew();
  }

  /** Opens another socket at once, though the one before may look well: it may be dead. */
  renew() {
    this.attempt = 0;
    this.connect();
  }

  /**
   * Sends an object; false if the socket isn't open, so that the caller can keep the text. A plain
   * server gets no events.
   */
  send(object) {
    if (this.socket?.readyState !== this.WebSocket.OPEN) return false;
    if ("event" in object && !this.hasEvents) return false;
    this.socket.send(this.codec.encode(object));
    return true;
  }

  /** Hangs up and stays so until `connect`. */
  close() {
    this.clearTimeout(this.timer);
    this.clearTimeout(this.beating);
    this.timer = this.beating = null;
    this.isOpen = this.asked = false;
    if (!this.socket) return;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
  }

  /** True if the server sends and takes events; a plain one, such as the guide's, does not. */
  get hasEvents() {
    return Boolean(this.socket?.protocol.startsWith("chatkit."));
  }

  get codec() {
    return codecs[this.socket.protocol] ?? codecs.json;
  }
}
