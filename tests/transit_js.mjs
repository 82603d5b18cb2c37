// Makes transit_js.jsonl: values, and the text that transit-js 0.8.874 writes for each.
//
//   npm install --no-save transit-js@0.8.874
//   node tests/transit_js.mjs > tests/transit_js.jsonl
//
// Given the name of such a file, it makes nothing, but compares: each text has to be what
// transit-js writes for the value beside it, and what transit-js reads has to be that value.
//
//   node tests/transit_js.mjs tests/transit_js.jsonl
//
// A line is `[value, text]`. In a value, a text is "t…", a keyword "k…", and an integer beyond 53
// bits "i…". A map is an object whose keys are texts and keywords.
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import transit from "transit-js";

const VALUES = 2200;
const SEED = 2_026_1130;
const NAMES = 44 ** 2 + 100; // more than a cache holds

const TAGS = "~ ~~ ~^ ~` ~: ~:name ~# ~#set ~i ~i1 ~d1 ~n1 ~_ ~? ~?t ~z ~$ ~u ~t ~m ~c ~r ~b ~'";
const MARKS = [...TAGS.split(" "), "^", "^ ", "^0", "^1", "^[", "^10", "`", "#", ":name"];
// Two, three, four and five UTF-16 units, of which an emoji takes two.
const SHORT = "ab abc abcd abcde 😀 a😀 😀a ab😀 a😀b 😀ab 😀😀 abc😀 😀😀a a😀😀".split(" ");
const ODD = "\u0000\u001f\n\t\u007f\u0080\u2028\u2029\ufeff\ufffd\uffff";
const PIECES = [..."aZ7 /.äΖ你é😀👩𝔘\"\\'<&", ...ODD];
const WORDS = "message id name time key event members a ab abc".split(" ");
const NEAR = [2 ** 53 - 1, 2 ** 53 - 2, 2 ** 52, 2 ** 32, 2 ** 31, 65535, 1000, 10, 2, 1];
const BEYOND = [2n ** 53n, 2n ** 53n + 1n, 10n ** 17n + 1n, 2n ** 62n, 2n ** 63n - 1n];
const SIZES = [-300, -9, -7, -3, 0, 1, 3, 9, 12];

/** Returns a function that returns numbers from 0 to 1, always the same: mulberry32. */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomFrom(SEED);
const below = (limit) => Math.floor(random() * limit);
const pick = (items) => items[below(items.length)];
const many = (count, make) => Array.from({ length: count }, make);
const sign = (number) => (below(2) ? number : -number);

const letters = () => many(below(5), () => pick(PIECES)).join("");
const anyText = () => pick([letters, () => pick(MARKS) + letters(), () => pick(SHORT)])();
const words = () => pick(WORDS);
const numbered = () => `key${below(20)}`;
const short = () => pick(SHORT);
const anyName = () => pick([words, words, words, numbered, short, anyText])();
const text = () => `t${anyText()}`;
const keyword = () => `k${anyName()}`;
const long = () => `i${sign(pick(BEYOND))}`;
const integer = () => sign(pick(NEAR));
const float = () => sign(random() * 10 ** pick(SIZES));
const constant = () => pick([true, false, null, 0]);
const leaf = () => pick([text, text, text, keyword, integer, long, float, constant])();
const array = (depth) => many(below(5), () => value(depth - 1));

/** A map whose keys are keywords alone, as in a frame, or text as well; none is there twice. */
function map(depth, isFrame = below(2)) {
  const names = new Set(many(below(5), anyName));
  const kind = () => (isFrame || below(2) ? "k" : "t");
  return Object.fromEntries([...names].map((name) => [kind() + name, value(depth - 1)]));
}

function value(depth) {
  return depth < 1 || below(3) ? leaf() : pick([array, map, map])(depth);
}

/** Maps with so many keys that cache codes have two digits, and that the cache starts again. */
function wide() {
  const names = many(NAMES, (_, n) => `k${n.toString(36).padStart(4, "_")}`);
  const ends = names.flatMap((name, n) => (n % 19 ? [] : [{ [name]: n }, `t${name}`, name]));
  const all = Object.fromEntries(names.map((name, n) => [name, n % 10]));
  return [Object.fromEntries(names.slice(0, 50).map((name) => [name, name])), all, ends];
}

const { keyword: toKeyword, integer: toInteger } = transit;
const scalar = (code) => ({ t: String, k: toKeyword, i: toInteger })[code[0]](code.slice(1));

/** What a value stands for; `toMap` makes a map of its entries. */
function built(code, toMap) {
  if (typeof code === "string") return scalar(code);
  if (Array.isArray(code)) return code.map((item) => built(item, toMap));
  if (code === null || typeof code !== "object") return code;
  return toMap(Object.entries(code).map(([key, item]) => [scalar(key), built(item, toMap)]));
}

// A map of its own does not keep the order of more than eight entries, so a Map is written.
const inOrder = transit.makeWriteHandler({ tag: () => "map", rep: (entries) => entries });
const writer = transit.writer("json", { handlers: transit.map([Map, inOrder]) });
const reader = transit.reader("json");
const write = (code) => writer.write(built(code, (entries) => new Map(entries)));
const isRead = (code, written) =>
  transit.equals(reader.read(written), built(code, (entries) => transit.map(entries.flat())));

/** Throws an error unless transit-js reads a text as this value, and writes the same JSON. */
function compare(code, written) {
  const same = isDeepStrictEqual(JSON.parse(write(code)), JSON.parse(written));
  if (!same || !isRead(code, written)) throw new Error(`${JSON.stringify(code)}: ${written}`);
}

const UNSEEN = /[\u007f-\u009f\u2028\u2029\ufeff\uffff]/g; // some editors would change these
const escaped = (char) => `\\u${char.charCodeAt().toString(16).padStart(4, "0")}`;
const line = (code) => JSON.stringify([code, write(code)]).replace(UNSEEN, escaped);

const [file] = process.argv.slice(2);
if (file) {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n").map((each) => JSON.parse(each));
  for (const [code, written] of lines) compare(code, written);
  console.log(`transit-js agrees on all ${lines.length} values.`);
} else {
  const codes = [wide(), ...many(VALUES, () => (below(3) ? map(2, true) : pick([array, map])(4)))];
  for (const code of codes) compare(code, write(code));
  for (const code of codes) console.log(line(code));
}
