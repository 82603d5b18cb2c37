// Draws the class for a projector: a row for each learner, a mark for each exercise. It knows no socket.

import { LESSONS } from "./class-lessons.js";

const MOST_ROWS = 15; // in one table; more stand in two beside each other, if there is room
const TOTAL = LESSONS.flatMap((lesson) => lesson.exercises).length;

function make(tag, properties = {}, ...children) {
  const el = Object.assign(document.createElement(tag), properties);
  el.append(...children);
  return el;
}

/** Text for who hears the page; who sees it has something better. */
const heard = (text = "") => make("span", { className: "class-heard" }, text);

/** Sets a text only if it is another one: a screen reader may stand on it. */
function setText(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

function heading({ number, name }) {
  return make("th", { scope: "col", title: name }, number, heard(name));
}

/** The exercises of one lesson: a mark each, and the same in words. */
class Cell {
  constructor(lesson) {
    this.names = lesson.exercises;
    this.marks = this.names.map((title) => make("span", { className: "class-mark", title }));
    this.words = heard();
    const marks = make("span", { className: "class-marks", ariaHidden: "true" }, ...this.marks);
    this.el = make("td", {}, marks, this.words);
  }

  show(passed) {
    const done = this.names.map((name) => passed.has(name));
    this.marks.forEach((mark, n) => mark.classList.toggle("class-passed", done[n]));
    setText(this.words, `${done.filter(Boolean).length} of ${done.length}`);
  }
}

class Row {
  constructor() {
    this.name = make("bdi");
    this.cells = LESSONS.map((lesson) => new Cell(lesson));
    this.total = make("td", { className: "class-total" });
    const head = make("th", { scope: "row" }, this.name);
    this.el = make("tr", {}, head, ...this.cells.map(({ el }) => el), this.total);
  }

  show({ name, passed }) {
    setText(this.name, name);
    this.name.title = name;
    this.cells.forEach((cell) => cell.show(passed));
    setText(this.total, String(passed.size));
  }
}

class Table {
  constructor() {
    this.caption = make("caption", { className: "class-heard" });
    this.body = make("tbody");
    const name = make("th", { scope: "col" }, "Name");
    const total = make("th", { scope: "col", className: "class-total" }, `of ${TOTAL}`);
    const head = make("tr", {}, name, ...LESSONS.map(heading), total);
    this.el = make("table", {}, this.caption, make("thead", {}, head), this.body);
    this.el.hidden = true;
  }

  /** Shows rows; those that stand in place already are not touched. */
  show(rows, caption) {
    setText(this.caption, caption);
    const same = rows.every((row, n) => this.body.rows[n] === row);
    if (!same || rows.length !== this.body.rows.length) this.body.replaceChildren(...rows);
    this.el.hidden = rows.length === 0;
  }
}

export class Board {
  /** Draws in `el`; `wide` is a media query: whether two tables have room beside each other. */
  constructor(el, wide) {
    Object.assign(this, { el, wide, rows: new Map(), learners: [] });
    this.tables = [new Table(), new Table()];
    el.append(...this.tables.map((table) => table.el));
    wide.addEventListener("change", () => this.show(this.learners));
  }

  /** Shows learners in this order. */
  show(learners) {
    this.learners = learners;
    const rows = learners.map((learner) => this.row(learner));
    const halves = this.wide.matches && rows.length > MOST_ROWS;
    const first = halves ? Math.ceil(rows.length / 2) : rows.length;
    const part = (n) => `What each learner has passed${halves ? `, part ${n} of 2` : ""}`;
    this.tables[0].show(rows.slice(0, first), part(1));
    this.tables[1].show(rows.slice(first), part(2));
    this.el.style.setProperty("--rows", first);
    this.el.classList.toggle("class-halves", halves);
  }

  row(learner) {
    const row = this.rows.get(learner.mark) ?? new Row();
    this.rows.set(learner.mark, row);
    row.show(learner);
    return row.el;
  }
}
