// The lessons, and how many exercises each has; a test holds this against the notebooks.

const lesson = (number, name, exercises) => ({ number, name, exercises });

export const LESSONS = [
  lesson("00", "start here", 1),
  lesson("01", "one socket", 3),
  lesson("02", "broadcast", 3),
  lesson("03", "serve it", 3),
  lesson("04", "client", 2),
  lesson("05", "widget", 3),
  lesson("06", "browser page", 3),
  lesson("07", "trust nobody", 3),
  lesson("08", "rooms and names", 3),
  lesson("09", "lose nothing", 3),
  lesson("10", "go fast", 3),
  lesson("11", "many servers", 3),
  lesson("12", "ship it", 7),
];

/** What a lesson's exercises are called: 02-1, 02-2 … */
export function exercisesOf({ number, exercises }) {
  return Array.from({ length: exercises }, (_, n) => `${number}-${n + 1}`);
}
