// Who is in the class, and what each has passed, as they report it. It knows no page and no socket.

import { LESSONS } from "./class-lessons.js";

/** How many learners there can be; a flood of made-up ones ends there. */
export const MAX_LEARNERS = 100;

const EXISTING = new Set(LESSONS.flatMap((lesson) => lesson.exercises));
const UNSEEN = String.raw`\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Z}`; // what no name has, blanks between words aside
const NAME = `[^${UNSEEN}](?:[^${UNSEEN}]| (?! )){0,31}`;
const EXERCISE = String.raw`\d\d[a-z]?-\d\d?`;
const PASSED = String.raw`nothing yet|${EXERCISE}(?: ${EXERCISE})*`;
const REPORT = new RegExp(
  String.raw`^(?<name>${NAME}) has passed (?<passed>${PASSED}) \(learner (?<mark>[0-9a-f]{16})\)$`,
  "u",
);

/** Returns the name, mark and exercises in a report, or undefined for what is none. */
export function readReport(text) {
  const groups = REPORT.exec(text)?.groups;
  return groups && { ...groups, passed: groups.passed.match(new RegExp(EXERCISE, "g")) ?? [] };
}

/** Who has the class's link can report what they like: this is a board, and no exam. */
export class Roll {
  constructor() {
    this.learners = new Map(); // by mark, for two may have one name
    this.collator = new Intl.Collator(undefined, { sensitivity: "base", numeric: true });
  }

  /**
   * Takes in a message of the class's room; false if it changes nothing. It is about one learner
   * alone: the latest name counts, and what was passed once stays so.
   */
  hear({ message }) {
    const report = readReport(message);
    if (!report) return false;
    const { name, mark, passed } = report;
    if (this.isFull && !this.learners.has(mark)) return false;
    const before = this.learners.get(mark) ?? { mark, passed: new Set() };
    const all = new Set([...before.passed, ...passed.filter((exercise) => EXISTING.has(exercise))]);
    const changed = before.name !== name || all.size > before.passed.size;
    this.learners.set(mark, { mark, name, passed: all });
    return changed;
  }

  get isFull() {
    return this.learners.size >= MAX_LEARNERS;
  }

  /** All learners, by name; those of one name in the order in which they came. */
  get sorted() {
    return [...this.learners.values()].sort((one, other) =>
      this.collator.compare(one.name, other.name),
    );
  }
}
