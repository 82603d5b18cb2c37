// The list of rooms, and the way to another one. It knows no socket. Lesson 08.

import { ROOM, ROOM_RULE } from "./session.js";

/** True for a plain click; one with Ctrl or another key wants a window of its own. */
function staysHere(event) {
  return !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
}

function part(className, text) {
  return Object.assign(document.createElement("span"), { className, textContent: text });
}

/** The list in `el`; `link(room)` is a room's address, and `go(room)` hears where one wants to go. */
export class RoomList {
  constructor(el, { link, go }) {
    Object.assign(this, { link, go, rooms: {}, here: "", count: 0, pending: () => 0 });
    this.list = el.querySelector("ul");
    this.form = el.querySelector("form");
    this.field = el.querySelector("input");
    this.rule = el.querySelector("[role=alert]");
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.field.addEventListener("input", () => this.complain(""));
  }

  /**
   * Draws what has changed: `rooms` (name → how many), `here`, `count` (how many are here). The
   * focus stays on its room, or falls back to the first.
   */
  show(changes) {
    Object.assign(this, changes);
    const counts = { ...this.rooms, ...(this.here && { [this.here]: this.count }) };
    const focused = document.activeElement?.dataset.room;
    const rooms = Object.keys(counts).sort((a, b) => a.localeCompare(b));
    this.list.replaceChildren(...rooms.map((room) => this.draw(room, counts[room])));
    const links = [...this.list.querySelectorAll("a")];
    if (focused) (links.find((anchor) => anchor.dataset.room === focused) ?? links[0])?.focus();
  }

  draw(room, count) {
    const anchor = document.createElement("a");
    Object.assign(anchor, { className: "page-room", href: this.link(room), title: room });
    anchor.dataset.room = room;
    if (room === this.here) anchor.setAttribute("aria-current", "page");
    anchor.append(part("page-room-name", room), part("page-room-count", count || ""));
    const pending = this.pending(room);
    if (pending && room !== this.here) anchor.append(part("page-room-waiting", `${pending} to send`));
    anchor.addEventListener("click", (event) => {
      if (!staysHere(event)) return;
      event.preventDefault();
      this.go(room);
    });
    const item = document.createElement("li");
    item.append(anchor);
    return item;
  }

  submit(event) {
    event.preventDefault();
    const room = this.field.value.trim();
    if (!ROOM.test(room)) return this.complain(ROOM_RULE);
    this.field.value = "";
    return this.go(room);
  }

  complain(sentence) {
    this.rule.textContent = sentence;
    this.rule.hidden = sentence === "";
    this.field.setAttribute("aria-invalid", String(sentence !== ""));
  }
}
