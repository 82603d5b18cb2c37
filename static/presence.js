// Who is here, who came and went a moment ago, and who is typing. It knows no page. Lesson 08.

import { timers } from "./timers.js";
import { listed } from "./view.js";

const TYPING = 3000; // milliseconds that a sign of typing lasts
const NEWS = 6000; // milliseconds that one is told who came or went

/** Names that are forgotten after some milliseconds, each by itself. */
class Fleeting {
  constructor(ms, onChange, { setTimeout, clearTimeout }) {
    Object.assign(this, { ms, onChange, setTimeout, clearTimeout, timers: new Map() });
  }

  get names() {
    return [...this.timers.keys()];
  }

  add(name) {
    this.clearTimeout(this.timers.get(name));
    const forget = () => this.delete(name) && this.onChange();
    this.timers.set(name, this.setTimeout(forget, this.ms));
  }

  delete(name) {
    this.clearTimeout(this.timers.get(name));
    return this.timers.delete(name);
  }

  clear() {
    this.names.forEach((name) => this.delete(name));
  }
}

/** `onChange()` is called whenever `members`, `count`, `typing` or `news` may be others. */
export class Presence {
  constructor(onChange, environment = {}) {
    const fleeting = (ms) => new Fleeting(ms, onChange, { ...timers, ...environment });
    Object.assign(this, { onChange, members: [], count: 0 });
    Object.assign(this, { typists: fleeting(TYPING), came: fleeting(NEWS), went: fleeting(NEWS) });
  }

  /** The names of those who are typing. */
  get typing() {
    return this.typists.names;
  }

  /** One line on who came and went: "Bob and Cy joined". */
  get news() {
    const told = (names, verb) => (names.length ? [`${listed(names)} ${verb}`] : []);
    return [...told(this.came.names, "joined"), ...told(this.went.names, "left")].join(" · ");
  }

  /** Takes in any frame of the server's: whoever sends a message types no more. */
  hear({ event, name, members, count }) {
    if (members) Object.assign(this, { members, count: count ?? members.length });
    if (event === "typing") this.typists.add(name);
    const stopped = event !== "typing" && this.typists.delete(name);
    // Who goes and is back at once, as after a cut, is no news.
    if (event === "joined" && !this.went.delete(name)) this.came.add(name);
    if (event === "left" && !this.came.delete(name)) this.went.add(name);
    if (event || stopped) this.onChange();
  }

  /** Forgets everything: this is another room. */
  clear() {
    Object.assign(this, { members: [], count: 0 });
    for (const names of [this.typists, this.came, this.went]) names.clear();
    this.onChange();
  }
}
