// The list of messages, for the page and, as an anywidget, for the notebook. Lessons 05 and 06.

/** How many messages a list remembers; older ones are forgotten. */
export const MEMORY = 1000;

const GROUP_SECONDS = 5 * 60;
const NEAR_BOTTOM = 30; // pixels

const CLOCK = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat([], { month: "short", day: "numeric" });
const FULL = new Intl.DateTimeFormat([], { dateStyle: "full", timeStyle: "medium" });
const LETTERS = new Intl.Segmenter(); // what people call a letter: a family emoji is one

function element(tag, className, ...children) {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...children);
  return node;
}

function button(className, onClick, label = "") {
  const node = element("button", className, label);
  node.type = "button";
  node.hidden = true;
  node.addEventListener("click", onClick);
  return node;
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

/** True if a message goes on where the one before it left off: same name, within five minutes. */
export function continues(previous, message) {
  if (!message.name || previous?.name !== message.name) return false;
  return Math.abs((message.time || 0) - (previous.time || 0)) < GROUP_SECONDS;
}

/** Where a link ends: without the full stop, quote or stray bracket that follows it in a sentence. */
function linkLength(text) {
  let length = text.length;
  const opened = (url) => url.split("(").length >= url.split(")").length;
  while (".,;:!?'\"*_~…)]}»”’。，、！？".includes(text[length - 1])) {
    if (text[length - 1] === ")" && opened(text.slice(0, length))) break;
    length -= 1;
  }
  return length;
}

function link(text) {
  const url = text.slice(0, linkLength(text));
  if (!URL.canParse(url)) return [text];
  const anchor = element("a", "chatkit-link", url);
  Object.assign(anchor, { href: url, target: "_blank", rel: "noopener noreferrer nofollow" });
  return [anchor, text.slice(url.length)];
}

/** A text as strings and <a> elements, never as HTML: what people type can't become markup. */
export function linkify(text) {
  const parts = text.split(/(https?:\/\/[^\s<>"]+)/i);
  return parts.flatMap((part, index) => (index % 2 ? link(part) : part));
}

function clock(seconds) {
  const date = new Date(seconds * 1000);
  const today = DAY.format(date) === DAY.format(new Date());
  const day = element("span", "chatkit-date", today ? "" : `${DAY.format(date)}, `);
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

/** A list that shows the last `limit` messages, the newest at the bottom, and follows them there. */
export class MessageList {
  constructor(el, { name = "", limit = 10 } = {}) {
    Object.assign(this, { name, limit, rows: [], last: undefined, following: true, top: 0 });
    this.earlier = button("chatkit-earlier", () => this.showEarlier());
    this.empty = element("p", "chatkit-empty", "Nothing here yet. Say hello!");
    this.list = element("ol", "chatkit-list");
    this.log = element("div", "chatkit-log", this.earlier, this.empty, this.list);
    this.log.tabIndex = 0;
    this.log.setAttribute("role", "log");
    this.log.setAttribute("aria-live", "polite");
    this.log.setAttribute("aria-label", "Messages");
    this.log.addEventListener("scroll", () => this.scrolled());
    this.pill = button("chatkit-pill", () => this.follow(), "New messages ↓");
    this.pill.addEventListener("click", () => this.log.focus({ preventScroll: true }));
    el.append(element("section", "chatkit chatkit-messages", this.log, this.pill));
    new ResizeObserver(() => this.following && this.follow()).observe(this.log);
  }

  /** Appends a message; the reader's place stays unless it is the bottom or the message is theirs. */
  add(message) {
    const own = Boolean(message.name) && message.name === this.name;
    const follow = own || this.atBottom();
    const row = drawMessage(message, this.last, own);
    this.last = message;
    this.rows.push(row);
    this.list.append(row);
    this.forget(this.rows.length - MEMORY);
    if (follow) this.follow();
    else this.pill.hidden = false;
    this.count();
  }

  /** Takes the oldest `count` messages away. */
  forget(count) {
    if (count > 0) this.rows.splice(0, count).forEach((row) => row.remove());
    if (this.rows.length === 0) this.last = undefined;
    this.count();
  }

  showEarlier() {
    const fromBottom = this.log.scrollHeight - this.log.scrollTop;
    this.limit = MEMORY;
    this.list.prepend(...this.rows.slice(0, -this.list.childElementCount));
    this.count();
    this.log.scrollTop = this.log.scrollHeight - fromBottom;
    this.log.focus({ preventScroll: true });
  }

  /** Goes to the newest message; only here do old rows leave, never under a reader's eyes. */
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
    this.empty.hidden = this.rows.length > 0;
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

/** How many of `old` have left the front of the list that is now `next`. */
function gone(old, next) {
  const fits = (count) => old.slice(count).every((text, index) => text === next[index]);
  let count = 0;
  while (!fits(count)) count += 1;
  return count;
}

/** Draws the model's `messages` and keeps up with them: new ones are added, the rest stays as it is. */
function render({ model, el }) {
  const view = new MessageList(el, { name: model.get("name"), limit: model.get("limit") });
  let shown = [];
  const update = () => {
    const messages = model.get("messages").slice(-MEMORY);
    const next = messages.map((message) => JSON.stringify(message));
    const left = gone(shown, next);
    view.forget(left);
    messages.slice(shown.length - left).forEach((message) => view.add(message));
    shown = next;
  };
  const rename = () => {
    view.name = model.get("name");
    view.forget(shown.length);
    shown = [];
    update();
  };
  update();
  model.on("change:messages", update);
  model.on("change:name", rename);
  return () => {
    model.off("change:messages", update);
    model.off("change:name", rename);
  };
}

export default { render };
