// One stay in one room: what to ask for when the line is (re)made, and which messages are new. Lesson 09.

/** How many of the latest messages a newcomer asks for. */
export const LATEST = 100;

const LOBBY = "lobby";

/** What a room may be called, and the same in words. */
export const ROOM = /^[A-Za-z0-9_-]{1,64}$/;
export const ROOM_RULE = "A room's name has 1 to 64 letters from a to z, digits, - or _.";

/** The room that an address leads to. */
export function roomOf(location) {
  return new URL(location.href).searchParams.get("room") || LOBBY;
}

/** The address of this page in another room; everything else in it stays. */
export function linkTo(room, location) {
  const url = new URL(location.href);
  url.searchParams.set("room", room);
  return url.href;
}

export class Session {
  /** `client` is this page's secret mark: by it the server knows us when we come back. */
  constructor({ room, name, token, client }) {
    Object.assign(this, { room, name, token, client, log: undefined, since: 0 });
  }

  /** What to ask for: the latest messages at first, later those since the last one seen. */
  query() {
    const { room, name, token, client, log, since } = this;
    const wish = { room, ...(name && { name }), ...(token && { token }), client };
    return log === undefined ? { ...wish, last: LATEST } : { ...wish, since, log };
  }

  /** Keeps what the server has granted, and after which id its messages come. */
  welcome({ name, log, since = this.since }) {
    Object.assign(this, { name, log, since });
  }

  /** True for a message that was not seen before. */
  isNew({ id }) {
    if (id <= this.since) return false;
    this.since = id ?? this.since; // A plain server's messages have no ids.
    return true;
  }
}
