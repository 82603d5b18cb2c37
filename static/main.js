// Joins the parts of the page: the socket knows no page, the parts know no socket. Lesson 06.

import { MessageInput } from "./message-input.js";
import { ChatSocket, socketUrl } from "./socket.js";
import { MessageList, avatar } from "./view.js";

const STORED_NAME = "chatkit.name";
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
    field.blur(); // "change" follows if the name is a new one
  });
  field.addEventListener("change", () => rename(field.value.trim()));
  return (granted) => {
    field.placeholder = granted;
    form.querySelector(".page-avatar").replaceChildren(avatar(granted));
  };
}

/** Returns `tell(sentence)`, which shows an error, or none for "". */
function mountError(el) {
  return (sentence) => {
    el.textContent = sentence;
    el.hidden = sentence === "";
  };
}

/** The guide's `mount-components`: draws the parts and returns what the socket's news is told to. */
function mountComponents(send, rename) {
  return {
    list: new MessageList(find("#messages")),
    input: new MessageInput(find("#input"), send),
    state: mountState(find("#status")),
    error: mountError(find("#error")),
    grant: mountName(find("#who"), wantedName(), rename),
  };
}

/** Hands a frame to the part that shows it. */
function receive(frame, page) {
  if (frame.error) {
    page.error(frame.detail ?? frame.error);
  } else if (frame.event === "welcome") {
    page.list.name = frame.name;
    page.grant(frame.name);
    page.state("connected", 0, frame.name);
  } else if ("message" in frame) {
    page.list.add(frame);
    if (!frame.name || frame.name === page.list.name) page.error("");
  }
}

function send(socket, page, text) {
  const sent = socket.send({ message: text });
  if (!sent) page.error("Not connected just now. Your text stays here until it can be sent.");
  return sent;
}

/** The guide's `init!`: a socket and the parts of the page, joined. */
function init() {
  const address = (name) => socketUrl(location, name ? { name } : {});
  const socket = new ChatSocket(address(wantedName()), {
    onMessage: (frame) => receive(frame, page),
    onState: (state, seconds) => {
      page.state(state, seconds);
      if (state === "connected") page.error("");
    },
  });
  const rename = (name) => {
    storeName(name);
    socket.url = address(name);
    socket.connect();
  };
  const page = mountComponents((text) => send(socket, page, text), rename);
  socket.connect();
  window.addEventListener("online", () => socket.wake());
  document.addEventListener("visibilitychange", () => document.hidden || socket.wake());
  // In a frame this would take the keys away from the notebook around it.
  if (window.parent === window) page.input.area.focus();
}

init();
