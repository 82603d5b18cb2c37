// Makes transit_js.json, what transit-js 0.8.874 writes for frames of a chat:
//   npm install --no-save transit-js@0.8.874 && node tests/transit_js.mjs > tests/transit_js.json
import transit from "transit-js";

const texts = [
  "hi",
  "",
  " ",
  "~",
  "~~",
  "~:message",
  "~#set",
  "^",
  "^ ",
  "^0",
  "`",
  "#",
  ":message",
  "<img src=x onerror=alert(1)>",
  "/ \\ \" ' \b\f\n\r\t",
  "\u0000 \u001f \u007f \u0080 \u2028 \u2029 \ufeff",
  "Grüße, Ζωή, 你好, 👩‍🚀",
  "two\nlines",
];
const frames = [
  ...texts.map((message) => ({ message })),
  { message: "hi", key: "k1" },
  { message: "hi", id: 1, name: "Ada", time: 1753000000.123 },
  { message: "~hi", id: 12345678, name: "^Ada", time: 1753000000.5, key: "~#k" },
  { event: "welcome", room: "lobby", name: "guest-7" },
  { error: "bad_message", detail: "Send text." },
];

const writer = transit.writer("json");
const vectors = frames.map((frame) => {
  const pairs = Object.entries(frame).flatMap(([key, value]) => [transit.keyword(key), value]);
  return { frame, text: writer.write(transit.map(pairs)) };
});
const escaped = (char) => "\\u" + char.charCodeAt().toString(16).padStart(4, "0");
console.log(JSON.stringify(vectors, null, 1).replace(/[\u007f-\uffff]/g, escaped));
