// What waits to be sent: kept until the server has confirmed it. It knows no socket and no page. Lesson 09.

import { timers } from "./timers.js";

/** How many messages can wait, in all rooms together. */
export const CAPACITY = 100;

const WAIT = 1500; // milliseconds until a message that the server had no room for is sent again

/** A mark that nobody else has and nobody can guess: 128 random bits. */
export function randomMark() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Messages that the server has not confirmed, oldest first, each with a key of its own.
 *
 * One at a time is on its way, and the next goes when that one is confirmed: so they arrive in
 * order, whatever happens in between. `send(frame)` sends one, and is false if it can't.
 */
export class Outbox {
  constructor(send, environment = {}) {
    Object.assign(this, timers, { send }, environment);
    this.items = [];
    this.room = null; // the one that the line now leads to
    this.confirms = true; // whether the server at its other end confirms messages
    this.sent = null; // the key of the message on its way
    this.timer = null;
  }

  /** Keeps a text for a room, and sends it when its turn has come; false if the outbox is full. */
  add(room, text) {
    if (this.items.length >= CAPACITY) return false;
    this.items.push({ room, key: randomMark(), message: text.toWellFormed() });
    this.next();
    return true;
  }

  /** The messages that wait for a room. */
  pending(room) {
    return this.items.filter((item) => item.room === room);
  }

  /**
   * The connection leads to a room: whatever was on its way may be lost, and is sent again by its
   * key. If the server confirms nothing, a message is done as soon as it is sent.
   */
  open(room, confirms = true) {
    this.close();
    Object.assign(this, { room, confirms });
    this.next();
  }

  /** The line is cut: nothing goes until the next `open`. */
  close() {
    this.clearTimeout(this.timer);
    this.room = this.sent = this.timer = null;
  }

  next() {
    const first = this.items.find((item) => item.room === this.room);
    if (!first || this.sent !== null || this.timer !== null) return;
    const { key, message } = first;
    if (!this.send({ message, key })) return;
    this.sent = key;
    if (!this.confirms) this.take(key);
  }

  /** Takes a message out, for it is confirmed, or refused for good; undefined if none has the key. */
  take(key) {
    const index = this.items.findIndex((item) => item.key === key);
    if (index < 0) return undefined;
    const [item] = this.items.splice(index, 1);
    if (this.sent === key) this.sent = null;
    this.next();
    return item;
  }

  /** Sends the message on its way once more, after a wait: the server could not take it just now. */
  later(key) {
    if (this.sent !== key || this.timer !== null) return;
    this.timer = this.setTimeout(() => {
      this.sent = this.timer = null;
      this.next();
    }, WAIT);
  }
}
