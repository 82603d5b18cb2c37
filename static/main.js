// Joins the parts of the page: the socket knows no page, the parts know no socket.

import { LONGEST, MessageInput } from "./message-input.js";
import { CAPACITY, Outbox, randomMark } from "./outbox.js";
import { Presence } from "./presence.js";
import { RoomList } from "./rooms.js";
import { Session, linkTo, roomOf } from "./session.js";
import { ChatSocket, socketUrl } from "./socket.js";
import { MessageList, People, QuietLine, avatar } from "./view.js";

const STORED_NAME = "chatkit.name";
const TITLE = document.title;
const LATER = ["too_fast", "log_unavailable"]; // errors that pass: the message is sent again
const MISSED = "Some messages from while you were away may be gone.";
const FULL = `${CAPACITY} messages wait to be sent. Your text stays here until there is room again.`;
const find = (selector) => document.querySelector(selector);

/** The name to ask for: from the page's address (?name=Ada), else the one used last. */
function wantedName() {
  const name = new URLSearchParams(location.search).get("name");
  try {
    return name ?? localStorage.getItem(STORED_NAME) ?? "";
  } catch {
    return name ?? ""; // A frame may be forbidden to store anything.
  }
}

function storeName(name) {
  const url = new URL(location.href);
  url.searchParams.set("name", name);
  if (location.search.includes("name=")) history.replaceState(null, "", url);
  try {
    localStorage.setItem(STORED_NAME, name);
  } catch {
    // The name then lasts as long as the page.
  }
}

/** Returns `show(state, seconds, name)`, which tells the connection's state in words. */
function mountState(el) {
  const [words, wait] = el.children;
  let ticking;
  return (state, seconds = 0, name = "") => {
    clearInterval(ticking);
    const tick = () => {
      wait.textContent = state !== "cut off" ? "" : seconds > 0 ? `in ${seconds} s` : "now";
      seconds -= 1;
    };
    const as = name ? `Connected as ${name}` : "Connected";
    const said = { connecting: "Connecting…", connected: as, "cut off": "Cut off, trying again" };
    if (words.textContent !== said[state]) words.textContent = said[state];
    el.dataset.state = state;
    tick();
    if (state === "cut off") ticking = setInterval(tick, 1000);
  };
}

/** Returns `grant(name)`, which shows the name the server gave; `rename(name)` hears of a new wish. */
function mountName(form, name, rename) {
  const field = form.querySelector("input");
  field.value = name;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    find("#input textarea").focus(); // "change" follows if the name is a new one
  });
  field.addEventListener("change", () => rename(field.value.trim()));
  return (granted) => {
    field.placeholder = granted;
    form.querySelector(".page-avatar").replaceChildren(avatar(granted));
  };
}

/** Returns `tell(sentence, key)`, which shows an error, or takes it away: with "", only that on `key`. */
function mountError(el) {
  let about;
  return (sentence, key) => {
    if (sentence === "" && key && key !== about) return;
    about = key;
    el.textContent = sentence;
    el.hidden = sentence === "";
  };
}

/** The guide's `mount-components`: draws the parts and returns what the socket's news is told to. */
function mountComponents({ submit, rename, go, link }) {
  return {
    people: new People(find("#people")),
    list: new MessageList(find("#messages")),
    quiet: new QuietLine(find("#quiet")),
    input: new MessageInput(find("#input"), submit),
    rooms: new RoomList(find("#rooms"), { go, link }),
    state: mountState(find("#status")),
    error: mountError(find("#error")),
    grant: mountName(find("#who"), wantedName(), rename),
  };
}

/** Hands a frame to the part that shows it. */
function receive(frame, chat) {
  chat.presence.hear(frame);
  if (frame.error) {
    object(frame, chat);
  } else if (frame.event === "welcome") {
    enter(frame, chat);
  } else if (frame.event === "rooms") {
    chat.page.rooms.show({ rooms: frame.rooms });
  } else if ("message" in frame) {
    if (chat.session.isNew(frame)) chat.page.list.add(frame);
    if (chat.outbox.take(frame.key)) confirmed(frame.key, chat);
  }
}

/** A welcome: we are in a room, under a name; what was not confirmed goes again. */
function enter(frame, { page, session, outbox, socket }) {
  session.welcome(frame);
  page.list.name = frame.name;
  page.grant(frame.name);
  page.state("connected", 0, frame.name);
  if (frame.missed) page.list.add({ note: MISSED });
  outbox.open(session.room);
  socket.send({ event: "rooms" });
}

/** A plain server is open: it sends no welcome, gives no name and confirms nothing. */
function enterPlain(chat) {
  chat.outbox.open(chat.session.room, false);
  showPending(chat);
}

function confirmed(key, chat) {
  chat.page.error("", key);
  showPending(chat);
}

/** An error: its message is sent again later, or goes back into the field for good. */
function object({ error, detail = error, key }, chat) {
  const { page, outbox } = chat;
  if (LATER.includes(error)) {
    outbox.later(key);
    if (key || error !== "too_fast") page.error(detail, key); // A sign of typing may be lost.
  } else {
    const refused = outbox.take(key);
    if (refused) page.input.giveBack(refused.message);
    page.error(detail);
    showPending(chat);
  }
}

function showPending({ page, session, outbox }) {
  page.list.showPending(outbox.pending(session.room));
}

function showPresence({ page, session, presence: { members, count, typing, news } }) {
  page.people.show({ room: session.room, members, count, name: page.list.name });
  page.quiet.show({ typing, news });
  page.rooms.show({ here: session.room, count });
}

/** Keeps a text until it is confirmed; false if it is too long, or there is no room for it. */
function submit(text, chat) {
  const { length } = text; // what came back from the server may have added up
  const fits = length <= LONGEST;
  const kept = fits && chat.outbox.add(chat.session.room, text);
  const long = `A message has at most ${LONGEST} characters, and this one has ${length}.`;
  chat.page.error(kept ? "" : fits ? FULL : long);
  showPending(chat);
  return kept;
}

/** Begins a stay in a room; nothing of the one before remains on the page. */
function visit(room, chat) {
  const { name, token, client } = chat;
  chat.session = new Session({ room, name, token, client });
  document.title = `${room} · ${TITLE}`;
  chat.page.list.clear();
  chat.page.error("");
  chat.presence.clear();
  showPending(chat);
  chat.socket.renew();
}

/** Goes to another room, as a link would, but without loading the page anew. */
function go(room, chat) {
  find("#rooms").hidePopover();
  if (room === chat.session.room) return;
  history.pushState(null, "", linkTo(room, location));
  visit(room, chat);
  chat.page.input.area.focus();
}

function rename(name, chat) {
  storeName(name);
  chat.name = chat.session.name = name;
  chat.socket.renew();
}

/** The guide's `init!`: a socket and the parts of the page, joined. */
function init() {
  const token = new URLSearchParams(location.search).get("token");
  const chat = { name: wantedName(), token, client: randomMark() };
  chat.page = mountComponents({
    submit: (text) => submit(text, chat),
    rename: (name) => rename(name, chat),
    go: (room) => go(room, chat),
    link: (room) => linkTo(room, location),
  });
  chat.presence = new Presence(() => showPresence(chat));
  chat.outbox = new Outbox((frame) => chat.socket.send(frame));
  chat.socket = new ChatSocket(() => socketUrl(location, chat.session.query()), {
    onMessage: (frame) => receive(frame, chat),
    onRefused: (sentence) => chat.page.error(sentence),
    onState: (state, seconds) => {
      chat.page.state(state, seconds);
      if (state !== "connected") chat.outbox.close();
      else chat.page.error("");
      if (state === "connected" && !chat.socket.hasEvents) enterPlain(chat);
    },
  });
  chat.page.rooms.pending = (room) => chat.outbox.pending(room).length;
  chat.page.input.onTyping = () => chat.socket.send({ event: "typing" });
  visit(roomOf(location), chat);
  follow(chat);
}

/** Makes the page as high as what is seen of it: an iPhone lays its keyboard over the window. */
function fit() {
  const root = document.documentElement;
  const height = Math.round(visualViewport.height * visualViewport.scale); // zooming changes both
  root.style.setProperty("--page-height", height < root.clientHeight ? `${height}px` : "");
  scrollTo(0, 0); // an iPhone has pushed the window up
}

/** Keeps up with the browser: its address, its network, and what one is looking at. */
function follow(chat) {
  window.addEventListener("popstate", () => {
    if (roomOf(location) !== chat.session.room) visit(roomOf(location), chat);
  });
  for (const look of ["pointerenter", "focusin", "toggle"]) {
    find("#rooms").addEventListener(look, () => chat.socket.send({ event: "rooms" }));
  }
  window.addEventListener("online", () => chat.socket.renew());
  document.addEventListener("visibilitychange", () => document.hidden || chat.socket.wake());
  window.addEventListener("beforeunload", (event) => {
    if (chat.outbox.items.length > 0) event.preventDefault();
  });
  visualViewport.addEventListener("resize", fit);
  matchMedia("(width >= 56rem)").addEventListener("change", () => find("#rooms").hidePopover());
  // In a frame this would take the keys away from the notebook around it.
  if (window.parent === window) chat.page.input.area.focus();
}

init();
