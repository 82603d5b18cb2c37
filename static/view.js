// What one sees of a room, for the page and, as an anywidget, for the notebook.

/** How many messages a list remembers; older ones are forgotten. */
export const MEMORY = 1000;

const GROUP_SECONDS = 5 * 60;
const NEAR_BOTTOM = 30; // pixels
const WAITS = "Waiting to be sent";

const CLOCK = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat([], { month: "short", day: "numeric" });
const YEAR = new Intl.DateTimeFormat([], { month: "short", day: "numeric", year: "numeric" });
const FULL = new Intl.DateTimeFormat([], { dateStyle: "full", timeStyle: "medium" });
const LETTERS = new Intl.Segmenter(); // what people call a letter: a family emoji is one

function element(tag, className, ...children) {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...children);
  return node;
}

/** JupyterLab's keys rest while this very element has the focus: Enter and arrows are its own. */
function keepKeys(node) {
  node.dataset.lmSuppressShortcuts = "true";
  return node;
}

function button(className, onClick, label = "") {
  const node = element("button", className, label);
  node.type = "button";
  node.addEventListener("click", onClick);
  return keepKeys(node);
}

/** The first letters of a name's first and last word, in capitals: "Ada Lovelace" → "AL". */
export function initials(name) {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  const ends = words.length > 1 ? [words[0], words.at(-1)] : [words[0] ?? name];
  const first = (word) => LETTERS.segment(word).containing(0)?.segment ?? "";
  return ends.map(first).join("").toUpperCase();
}

/** A name's own hue, 0 to 359; 137 degrees a step keep guest-1 and guest-2 apart. */
export function hue(name) {
  const sum = [...name].reduce((hash, letter) => (hash * 31 + letter.codePointAt(0)) | 0, 7);
  return ((sum >>> 0) * 137) % 360;
}

/** A small square with the initials of a name in its colour. */
export function avatar(name) {
  const node = element("span", "chatkit-avatar", initials(name));
  node.style.setProperty("--chatkit-hue", hue(name));
  node.setAttribute("aria-hidden", "true");
  return node;
}

/** Names as people list them: "Ada", "Ada and Bob", "Ada, Bob and 7 others". */
export function listed(names) {
  const others = names.length > 3 ? names.length - 2 : 0;
  const words = others ? [...names.slice(0, 2), `${others} others`] : names;
  return [words.slice(0, -1).join(", "), ...words.slice(-1)].filter(Boolean).join(" and ");
}

/** Who is typing, in words. */
export function typingWords(names) {
  if (names.length > 2) return "Several people are typing…";
  return names.length ? `${listed(names)} ${names.length > 1 ? "are" : "is"} typing…` : "";
}

/** True if a message goes on where the one before it left off: same name, within five minutes. */
export function continues(previous, message) {
  if (!message.name || previous?.name !== message.name) return false;
  return Math.abs((message.time || 0) - (previous.time || 0)) < GROUP_SECONDS;
}

/** Where a link ends: without the full stop, quote or stray bracket that follows it in a sentence. */
function linkLength(text) {
  let length = text.length;
  let strays = text.split(")").length - text.split("(").length;
  while (".,;:!?'\"*_~…)]}»”’。，、！？".includes(text[length - 1])) {
    if (text[length - 1] === ")" && strays-- <= 0) break;
    length -= 1;
  }
  return length;
}

function link(text) {
  const url = text.slice(0, linkLength(text));
  if (!URL.canParse(url)) return [text];
  const anchor = element("a", "chatkit-link", url);
  Object.assign(anchor, { href: url, target: "_blank", rel: "noopener noreferrer nofollow" });
  return [keepKeys(anchor), text.slice(url.length)];
}

/** A text as strings and <a> elements, never as HTML: what people type can't become markup. */
export function linkify(text) {
  const parts = text.split(/(https?:\/\/[^\s<>"]+)/i);
  return parts.flatMap((part, index) => (index % 2 ? link(part) : part));
}

function clock(seconds) {
  const date = new Date(seconds * 1000);
  const day = element("span", "chatkit-date");
  const node = element("time", "chatkit-time", day, CLOCK.format(date));
  node.dateTime = date.toISOString();
  node.title = FULL.format(date);
  return node;
}

function head(message, own) {
  const author = element("span", "chatkit-author", message.name);
  Object.assign(author, { dir: "auto", title: message.name });
  const node = element("div", "chatkit-head", author);
  if (own) node.append(element("span", "chatkit-you", "you"));
  if (message.time) node.append(clock(message.time));
  return node;
}

/** The day of a message, as one who reads it `now` has to be told it: nothing, if it is today. */
function dayOf(then, now) {
  if (then.toDateString() === now.toDateString()) return "";
  return `${(then.getFullYear() === now.getFullYear() ? DAY : YEAR).format(then)}, `;
}

/** One message as a list item; a message without a name, as a plain server sends it, is text alone. */
export function drawMessage(message, previous, own) {
  const row = element("li", "chatkit-message");
  row.classList.toggle("chatkit-start", !continues(previous, message));
  row.classList.toggle("chatkit-own", own);
  row.classList.toggle("chatkit-nameless", !message.name);
  if (message.name) row.append(avatar(message.name), head(message, own));
  const text = element("p", "chatkit-text", ...linkify(String(message.message)));
  text.dir = "auto";
  row.append(text);
  return row;
}

/** A line between the messages, such as one that says that some are missing. */
function drawNote(sentence) {
  return element("li", "chatkit-note", sentence);
}

/**
 * What is in a list, each part made once: one that stays is not touched, so no click on it is lost.
 * If the one with the focus goes, what `fallback()` returns gets it.
 */
export class Rows {
  constructor(list, make, fallback) {
    Object.assign(this, { list, make, fallback, nodes: new Map() });
  }

  /** Shows what `make` made for each name, in alphabetical order; returns `[name, node]` for each. */
  show(names) {
    const focused = this.list.contains(document.activeElement);
    const wanted = new Set(names);
    for (const name of this.nodes.keys()) if (!wanted.has(name)) this.remove(name);
    const shown = names
      .sort((a, b) => a.localeCompare(b))
      .map((name, index) => [name, this.nodes.get(name) ?? this.insert(name, index)]);
    if (focused && !this.list.contains(document.activeElement)) this.fallback()?.focus();
    return shown;
  }

  insert(name, index) {
    const node = this.make(name);
    this.list.insertBefore(element("li", "", node), this.list.children[index] ?? null);
    this.nodes.set(name, node);
    return node;
  }

  remove(name) {
    this.nodes.get(name).parentElement.remove();
    this.nodes.delete(name);
  }
}

/** A list that shows the last `limit` messages, the newest at the bottom, and follows them there. */
export class MessageList {
  constructor(el, { name = "", limit = 10 } = {}) {
    Object.assign(this, { name, limit, few: limit, rows: [], last: undefined, today: "" });
    Object.assign(this, { following: true, top: 0, frame: 0 });
    this.earlier = button("chatkit-earlier", () => this.showEarlier());
    this.earlier.setAttribute("aria-live", "off"); // Else its number is read with each message.
    this.empty = element("p", "chatkit-empty", "Nothing here yet. Say hello!");
    this.list = element("ol", "chatkit-list chatkit-rows");
    this.queue = element("ol", "chatkit-list chatkit-queue");
    this.unsent = element("p", "chatkit-unsent");
    this.unsent.hidden = true;
    const waiting = element("div", "chatkit-waiting", this.queue, this.unsent);
    waiting.setAttribute("aria-live", "off"); // Read out once: when it has become a message.
    this.log = keepKeys(element("div", "chatkit-log", this.earlier, this.empty, this.list, waiting));
    this.log.tabIndex = 0;
    this.log.setAttribute("role", "log");
    this.log.setAttribute("aria-live", "polite");
    this.log.setAttribute("aria-label", "Messages");
    this.log.addEventListener("scroll", () => this.scrolled());
    this.pill = button("chatkit-pill", () => this.goDown(), "New messages ↓");
    this.earlier.hidden = this.pill.hidden = true;
    el.append(element("section", "chatkit chatkit-messages", this.log, this.pill));
    const resized = new ResizeObserver(() => this.following && this.follow());
    for (const node of [this.log, waiting]) resized.observe(node);
  }

  /**
   * Appends a message, or a `{note}` of our own between them; the reader's place stays unless it
   * is the bottom or the message is theirs.
   */
  add(message) {
    const own = Boolean(message.name) && message.name === this.name;
    this.settleSoon();
    const row = message.note ? drawNote(message.note) : drawMessage(message, this.last, own);
    this.last = message;
    this.rows.push(row);
    this.list.append(row);
    this.date(row);
    this.forget(this.rows.length - MEMORY);
    if (own) this.follow();
    this.arrange();
  }

  /** Dates a new row; on another day than before, all the others as well. */
  date(row) {
    const now = new Date();
    for (const each of now.toDateString() === this.today ? [row] : this.rows) {
      const time = each.querySelector("time");
      if (time) time.firstChild.textContent = dayOf(new Date(time.dateTime), now);
    }
    this.today = now.toDateString();
  }

  /**
   * Goes to the bottom, or says that there is something new, before the next frame is drawn: once
   * for all that comes until then, because each look at the place has everything laid out anew.
   */
  settleSoon() {
    if (this.frame) return;
    this.following ||= this.atBottom();
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.following) this.follow();
      else this.pill.hidden = false;
    });
  }

  /** Shows what waits to be sent, `{key, message}` each, in grey and after everything else. */
  showPending(items) {
    const rows = new Map([...this.queue.children].map((row) => [row.dataset.key, row]));
    const added = items.filter(({ key }) => !rows.has(key)).map((item) => this.drawPending(item));
    const keys = new Set(items.map(({ key }) => key));
    for (const [key, row] of rows) if (!keys.has(key)) row.remove();
    this.queue.append(...added);
    this.unsent.textContent = items.length > 1 ? `${items.length} wait to be sent` : WAITS;
    this.unsent.hidden = items.length === 0;
    this.arrange();
    if (added.length > 0) this.follow();
  }

  drawPending({ key, message }) {
    const row = drawMessage({ name: this.name || "You", message }, undefined, true);
    row.dataset.key = key;
    return row;
  }

  /** Gives the first that waits a face, unless it goes on where the messages end. */
  arrange() {
    const goesOn = this.last?.name && this.last.name === this.name;
    [...this.queue.children].forEach((row, index) => {
      row.classList.toggle("chatkit-start", index === 0 && !goesOn);
    });
    this.count();
  }

  /** Takes everything away: this is another room. */
  clear() {
    this.limit = this.few;
    this.forget(this.rows.length);
    this.showPending([]);
    this.follow();
  }

  /** Takes the oldest `count` messages away. */
  forget(count) {
    if (count > 0) this.rows.splice(0, count).forEach((row) => row.remove());
    if (this.rows.length === 0) this.last = undefined;
    this.count();
  }

  showEarlier() {
    const fromBottom = this.log.scrollHeight - this.log.scrollTop;
    const rows = this.rows.slice(0, -this.list.childElementCount);
    for (const row of rows) row.setAttribute("aria-live", "off"); // Else all are read out.
    this.limit = MEMORY;
    this.list.prepend(...rows);
    this.count();
    this.log.scrollTop = this.log.scrollHeight - fromBottom;
    this.log.focus({ preventScroll: true });
  }

  goDown() {
    this.follow();
    this.log.focus({ preventScroll: true });
  }

  /** Goes to the newest message; what is beyond the limit leaves here, not under a reader's eyes. */
  follow() {
    while (this.list.childElementCount > this.limit) this.list.firstChild.remove();
    this.log.scrollTop = this.log.scrollHeight;
    this.top = this.log.scrollTop;
    this.following = true;
    this.pill.hidden = true;
    this.count();
  }

  count() {
    const hidden = this.rows.length - this.list.childElementCount;
    this.earlier.textContent = `Show earlier messages (${hidden})`;
    this.earlier.hidden = hidden === 0;
    this.empty.hidden = this.rows.length + this.queue.childElementCount > 0;
  }

  atBottom() {
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    return scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM;
  }

  /** Only going up is leaving: the bottom also moves away when the list itself gets smaller. */
  scrolled() {
    const up = this.log.scrollTop < this.top;
    this.top = this.log.scrollTop;
    this.following = this.atBottom() || (this.following && !up);
    if (this.following) this.pill.hidden = true;
  }
}

/**
 * One line, "lobby · 3 here", that opens to the names of those who are here; with a `go(room)` to
 * call, to the other rooms as well.
 */
export class People {
  constructor(el, go) {
    this.room = element("span", "chatkit-room");
    this.here = element("span", "chatkit-count");
    this.line = keepKeys(element("summary", "chatkit-line", this.room, this.here));
    this.names = keepKeys(element("ul", "chatkit-names"));
    this.names.tabIndex = 0;
    this.names.setAttribute("aria-label", "Who is here");
    this.rooms = element("ul", "chatkit-names");
    this.rooms.setAttribute("aria-label", "Other rooms");
    const draw = (room) => button("chatkit-go", () => this.go(room));
    this.rows = new Rows(this.rooms, draw, () => this.line);
    this.box = element("details", "chatkit chatkit-people", this.line, this.names, this.rooms);
    this.box.addEventListener("toggle", () => this.draw());
    this.box.addEventListener("keydown", (event) => event.key === "Escape" && this.fold());
    el.append(this.box);
    this.go = go;
    this.show({});
  }

  /** Draws a room's name, and of its `count` members those whose names are known. */
  show({ room = "", members = [], count = members.length, name = "", rooms = {} }) {
    const { [room]: _, ...others } = this.go ? rooms : {};
    Object.assign(this, { members, count, name, others });
    this.box.hidden = room === "";
    this.room.textContent = this.room.title = room;
    this.here.textContent = count ? `${count} here` : "";
    this.draw();
  }

  draw() {
    if (!this.box.open) return;
    const rows = this.members.map((name) => this.drawName(name));
    const more = this.count - rows.length;
    if (more > 0) rows.push(element("li", "chatkit-more", `and ${more} more`));
    this.names.replaceChildren(...rows);
    this.drawRooms();
  }

  /** Draws the other rooms; the focus stays on its room, or falls back to the line. */
  drawRooms() {
    const buttons = this.rows.show(Object.keys(this.others));
    for (const [room, node] of buttons) {
      Object.assign(node, { title: room, textContent: `${room} · ${this.others[room]}` });
    }
    this.rooms.hidden = buttons.length === 0;
  }

  /** Closes the list; whoever was in it is on its line then. */
  fold() {
    this.box.open = false;
    this.line.focus();
  }

  drawName(name) {
    const text = element("span", "chatkit-member-name", name);
    Object.assign(text, { dir: "auto", title: name });
    const row = element("li", "chatkit-member", avatar(name), text);
    if (name === this.name) row.append(element("span", "chatkit-you", "you"));
    return row;
  }
}

/** The quiet line below the messages: who is typing, and who came or went. */
export class QuietLine {
  constructor(el) {
    this.typing = element("span", "chatkit-typing");
    this.news = element("span", "chatkit-news");
    this.news.setAttribute("aria-live", "polite");
    this.line = element("p", "chatkit chatkit-quiet", this.typing, this.news);
    el.append(this.line);
    this.show({});
  }

  show({ typing = [], news = "" }) {
    this.typing.textContent = typingWords(typing);
    if (this.news.textContent !== news) this.news.textContent = news;
  }
}

/** How many of `old` have left the front of the list that is now `next`. */
function gone(old, next) {
  const fits = (count) => old.slice(count).every((text, index) => text === next[index]);
  let count = 0;
  while (!fits(count)) count += 1;
  return count;
}

/** Calls `listener` when one of a model's traits changes; returns the function that stops it. */
function listen(model, traits, listener) {
  const events = traits.map((trait) => `change:${trait}`);
  events.forEach((event) => model.on(event, listener));
  return () => events.forEach((event) => model.off(event, listener));
}

/**
 * Draws a room as the model tells it. New `messages` are added, the rest stays as it is; `pending`
 * are those not sent yet. A model without `room` shows messages alone. Sends the kernel
 * `{look: true}` when one opens the list of rooms, and `{room}` when one wants to go to another.
 */
function render({ model, el }) {
  const get = (...traits) => {
    const told = traits.filter((trait) => model.get(trait) !== undefined);
    return Object.fromEntries(told.map((trait) => [trait, model.get(trait)]));
  };
  const people = new People(el, (room) => model.send({ room }));
  people.box.addEventListener("toggle", () => people.box.open && model.send({ look: true }));
  const view = new MessageList(el, get("name", "limit"));
  const quiet = new QuietLine(el);
  quiet.line.hidden = model.get("typing") === undefined;
  let shown = [];
  const update = () => {
    const messages = model.get("messages").slice(-MEMORY);
    const next = messages.map((message) => JSON.stringify(message));
    const left = gone(shown, next);
    view.forget(left);
    messages.slice(shown.length - left).forEach((message) => view.add(message));
    shown = next;
  };
  const wait = () => view.showPending(model.get("pending") ?? []);
  const tell = () => {
    people.show(get("room", "members", "count", "name", "rooms"));
    quiet.show(get("typing", "news"));
  };
  const rename = () => {
    view.name = model.get("name");
    view.clear();
    shown = [];
    update();
    wait();
  };
  const stops = [
    listen(model, ["messages"], update),
    listen(model, ["pending"], wait),
    listen(model, ["name"], rename),
    listen(model, ["room", "rooms", "members", "count", "name", "typing", "news"], tell),
  ];
  update();
  wait();
  tell();
  return () => stops.forEach((stop) => stop());
}

export default { render };
