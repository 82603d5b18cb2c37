// The guide's page: its `multi-client-ws.websockets` and `multi-client-ws.core`. Lesson 06.

const SHOWN = 10; // messages
const WAIT = 1000; // milliseconds before each attempt to come back
const list = document.querySelector("#messages");
const state = document.querySelector("#state");
const input = document.querySelector("#input");
let socket = null;

/** The address of the chat's WebSocket: beside the page, and encrypted if the page is. */
function socketUrl(location) {
  const url = new URL("ws", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** Adds a message at the end, and keeps the last ten. The guide's `update-messages!`. */
function showMessage(message) {
  const item = document.createElement("li");
  item.textContent = message; // text, never HTML
  list.append(item);
  while (list.children.length > SHOWN) list.firstChild.remove();
  scrollTo(0, document.body.scrollHeight);
}

/** Shows what a frame says: a message, or an error. The guide's `receive-transit-msg!`. */
function receive(frame) {
  if (frame.error) state.textContent = frame.detail;
  else showMessage(frame.message);
}

/** Opens a WebSocket, and another one after each cut. The guide's `make-websocket!`. */
function connect() {
  state.textContent = "Connecting …";
  socket = new WebSocket(socketUrl(location), ["json"]);
  socket.onopen = () => (state.textContent = "Connected");
  socket.onmessage = (event) => receive(JSON.parse(event.data));
  socket.onclose = () => {
    state.textContent = "Cut off, trying again …";
    setTimeout(connect, WAIT);
  };
}

/** Sends what was typed. Without a connection the text stays. The guide's `message-input`. */
function submit(event) {
  const composing = event.isComposing || event.keyCode === 229; // 229 is for Safari
  if (event.key !== "Enter" || composing || !input.value) return;
  if (socket.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ message: input.value }));
  input.value = "";
}

input.addEventListener("keydown", submit);
connect();
