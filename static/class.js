// The page for a class's projector: it follows the room in which the learners' checks report.

import { Board } from "./class-board.js";
import { Roll } from "./class-roll.js";
import { randomMark } from "./outbox.js";
import { Session } from "./session.js";
import { ChatSocket, socketUrl } from "./socket.js";

const ROOM = "class";
const STATES = { connecting: "Connecting…", connected: "Connected", "cut off": "Cut off, trying again" };
const ROOT = { href: new URL("..", location.href).href }; // the chat's own page is one folder up
const find = (selector) => document.querySelector(selector);

function showState(state) {
  find("#status").dataset.state = state;
  find("#status > [role=status]").textContent = STATES[state];
}

function showError(sentence) {
  find("#error").textContent = sentence;
  find("#error").hidden = sentence === "";
}

/** Writes the link by which one joins: into a box that opens at a press, for it holds the token. */
function mountLink(token) {
  const link = new URL(ROOT.href);
  if (token) link.searchParams.set("token", token);
  find("#code").textContent =
    `from chatkit.lessons import join_class\nawait join_class("${link}", "your name")`;
  find("#chat").textContent = link;
  find("#chat").href = link;
}

/** Returns a function that has the class drawn, once for all that comes before the next frame. */
function mountBoard(roll) {
  const board = new Board(find("#board"), matchMedia("(width >= 80rem)"));
  let waiting = false;
  const draw = () => {
    waiting = false;
    const { size } = roll.learners;
    find("#count").textContent = `${size} joined${roll.isFull ? ", and no more fit in here" : ""}`;
    find("#nobody").hidden = size > 0;
    board.show(roll.sorted);
  };
  return () => {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  };
}

function init() {
  const token = new URLSearchParams(location.search).get("token");
  const session = new Session({ room: ROOM, name: "projector", token, client: randomMark() });
  session.log = ""; // whichever it is: everything since its first message
  const roll = new Roll();
  const draw = mountBoard(roll);
  const socket = new ChatSocket(() => socketUrl(ROOT, session.query()), {
    onMessage: (frame) => {
      if (frame.error) showError(frame.detail ?? frame.error);
      else if (frame.event === "welcome") session.welcome(frame);
      else if ("message" in frame && session.isNew(frame) && roll.hear(frame)) draw();
    },
    onRefused: showError,
    onState: (state) => {
      showState(state);
      if (state === "connected") showError("");
    },
  });
  mountLink(token);
  draw();
  socket.connect();
  window.addEventListener("online", () => socket.renew());
  document.addEventListener("visibilitychange", () => document.hidden || socket.wake());
}

init();
