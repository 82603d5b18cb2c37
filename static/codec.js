// A codec turns an object into a frame's text and back.

const CACHE_DIGITS = 44;
const CACHE_SIZE = CACHE_DIGITS ** 2;

/** A short stand-in for the cached string number `index`: ^0, ^1 … ^10. */
function cacheCode(index) {
  const digit = (value) => String.fromCharCode(48 + value);
  const high = Math.floor(index / CACHE_DIGITS);
  return `^${high ? digit(high) : ""}${digit(index % CACHE_DIGITS)}`;
}

function cacheIndex(code) {
  const digits = [...code.slice(1)].map((digit) => digit.charCodeAt(0) - 48);
  return digits.reduce((sum, digit) => sum * CACHE_DIGITS + digit, 0);
}

function isCacheable(text, isKey) {
  return text.length > 3 && (isKey || /^~[:$#]/.test(text));
}

function writeKey(text, cache) {
  if (!isCacheable(text, true)) return text;
  if (cache.size === CACHE_SIZE) cache.clear();
  if (cache.has(text)) return cacheCode(cache.get(text));
  cache.set(text, cache.size);
  return text;
}

function writeMap(object, cache) {
  const pair = ([key, value]) => [writeKey(`~:${key}`, cache), write(value, cache)];
  return ["^ ", ...Object.entries(object).flatMap(pair)];
}

function write(value, cache) {
  if (typeof value === "string") return /^[~^`]/.test(value) ? `~${value}` : value;
  if (typeof value === "bigint") return `~i${value}`;
  if (Array.isArray(value)) return value.map((item) => write(item, cache));
  return value !== null && typeof value === "object" ? writeMap(value, cache) : value;
}

class Tag {
  constructor(name) {
    this.name = name;
  }
}

function integer(text) {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

const scalars = {
  _: () => null,
  "?": (text) => text === "t",
  i: integer,
  n: integer,
  d: Number,
  f: Number,
  z: (text) => Number(text.replace("INF", "Infinity")),
  "#": (text) => new Tag(text),
};

function parse(text) {
  if (text[0] !== "~") return text;
  if ("~^`".includes(text[1])) return text.slice(1);
  const reader = Object.hasOwn(scalars, text[1]) ? scalars[text[1]] : String;
  return reader(text.slice(2));
}

function readString(text, cache, isKey) {
  if (/^\^[^ ]/.test(text)) return cache[cacheIndex(text)];
  const value = parse(text);
  if (!isCacheable(text, isKey)) return value;
  if (cache.length === CACHE_SIZE) cache.length = 0;
  cache.push(value);
  return value;
}

/** An object from [key, value, key, value …]; `fromEntries` keeps a "__proto__" key harmless. */
function fromFlat(items) {
  const keys = items.filter((_, index) => index % 2 === 0);
  return Object.fromEntries(keys.map((key, index) => [key, items[2 * index + 1]]));
}

function read(node, cache, isKey = false) {
  if (typeof node === "string") return readString(node, cache, isKey);
  if (!Array.isArray(node)) return node;
  if (node[0] === "^ ") {
    return fromFlat(node.slice(1).map((item, index) => read(item, cache, index % 2 === 0)));
  }
  const items = node.map((item) => read(item, cache));
  if (!(items[0] instanceof Tag)) return items;
  return items[0].name === "cmap" ? fromFlat(items[1]) : items[1];
}

const json = {
  encode: (object) => JSON.stringify(object),
  decode: (text) => JSON.parse(text),
};

const transit = {
  encode: (object) => JSON.stringify(write(object, new Map())),
  decode: (text) => read(JSON.parse(text), []),
};

/**
 * The codecs by subprotocol: `encode(object)` → text, `decode(text)` → object. Those of `chatkit.`
 * have events as well as messages; the others are plain.
 */
export const codecs = {
  "chatkit.json": json,
  "chatkit.transit+json": transit,
  json,
  "transit+json": transit,
};
