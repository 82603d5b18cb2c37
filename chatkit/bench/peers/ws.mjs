// Node's ws: `send` to one client after the other. It comes from the folder in which this is run,
// or from one that NODE_PATH names: hence `require`, which looks there.
import { createRequire } from "node:module";
import { join } from "node:path";

const { WebSocket, WebSocketServer } = createRequire(join(process.cwd(), "here.js"))("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });

server.on("connection", (client) => {
  client.on("error", () => {}); // it has left in the middle
  client.on("message", (data, binary) => {
    for (const other of server.clients) {
      if (other.readyState === WebSocket.OPEN) other.send(data, { binary });
    }
  });
});

server.on("listening", () => console.log(server.address().port));
