// The field one types in, for the page and, as an anywidget, for the notebook.

/** The longest message, in UTF-16 units; from `NEAR` units before it on, a counter shows. */
export const LONGEST = 4096;
const NEAR = 200;

const TELL_EVERY = 2000; // milliseconds between two signs of typing

function element(tag, className, properties = {}) {
  return Object.assign(document.createElement(tag), { className }, properties);
}

/** True if a key means "send": Enter, but not Shift+Enter, nor the one that ends an input method's word. */
export function isSubmit(event) {
  const composing = event.isComposing || event.keyCode === 229;
  return event.key === "Enter" && !event.shiftKey && !composing;
}

/**
 * A text field with a Send button. `submit(text)` gets the whole text in one act;
 * the field is cleared then, unless `submit` returns false. `onTyping()` is called while one
 * types, every two seconds at most.
 */
export class MessageInput {
  constructor(el, submit, placeholder = "Type in a message and press Enter") {
    this.submit = submit;
    this.area = element("textarea", "chatkit-area", { rows: 1, maxLength: LONGEST, dir: "auto" });
    this.area.setAttribute("aria-label", "Message");
    this.left = element("span", "chatkit-left", { hidden: true });
    this.button = element("button", "chatkit-send", { type: "submit", title: "Send (Enter)" });
    this.button.setAttribute("aria-label", "Send");
    this.form = element("form", "chatkit chatkit-input");
    this.form.append(this.area, this.left, this.button);
    // JupyterLab's keys rest while one types here, or is on the button.
    for (const node of [this.form, this.button]) node.dataset.lmSuppressShortcuts = "true";
    this.form.addEventListener("keydown", (event) => this.keydown(event));
    this.form.addEventListener("input", (event) => this.typed(event));
    this.form.addEventListener("submit", (event) => this.send(event));
    Object.assign(this, { placeholder, enabled: true, onTyping: () => {}, told: -Infinity });
    el.append(this.form);
    new ResizeObserver(() => requestAnimationFrame(() => this.fit())).observe(this.form);
  }

  set placeholder(text) {
    this.area.placeholder = text;
  }

  /** Whether the text can be sent; it can always be typed. */
  set enabled(enabled) {
    this.ready = enabled;
    this.refresh();
  }

  keydown(event) {
    event.stopPropagation();
    if (event.target === this.area && isSubmit(event)) this.send(event);
  }

  typed(event) {
    this.refresh();
    if (this.area.value.trim() === "" || event.timeStamp - this.told < TELL_EVERY) return;
    this.told = event.timeStamp;
    this.onTyping();
  }

  send(event) {
    event.preventDefault();
    const text = this.area.value;
    if (!this.ready || text.trim() === "" || this.submit(text) === false) return;
    this.area.value = "";
    this.area.focus();
    this.refresh();
  }

  /** Puts a text that could not be sent back, before what has been typed since. */
  giveBack(text) {
    this.area.value = [text, this.area.value].filter(Boolean).join("\n");
    this.refresh();
  }

  refresh() {
    const { value } = this.area;
    const left = LONGEST - value.length;
    this.button.disabled = !this.ready || value.trim() === "";
    this.left.hidden = left > NEAR;
    this.left.textContent = `${left} left`;
    this.fit();
  }

  /** Makes the field as high as its text; out of sight it has no height that could be known. */
  fit() {
    const { value, style } = this.area;
    style.setProperty("height", "auto");
    if (value && this.area.scrollHeight) style.setProperty("height", `${this.area.scrollHeight}px`);
  }
}

/**
 * Sends the kernel `{text}` for each message, and `{typing: true}` while one types; `{unsent}`
 * comes back if a text could not be sent.
 * `placeholder` and `enabled` follow the model.
 */
function render({ model, el }) {
  const input = new MessageInput(el, (text) => model.send({ text }));
  input.onTyping = () => model.send({ typing: true });
  const update = () => {
    for (const trait of ["placeholder", "enabled"]) input[trait] = model.get(trait);
  };
  update();
  model.on("change:placeholder", update);
  model.on("change:enabled", update);
  const giveBack = ({ unsent }) => input.giveBack(unsent);
  model.on("msg:custom", giveBack);
  return () => {
    model.off("change:placeholder", update);
    model.off("change:enabled", update);
    model.off("msg:custom", giveBack);
  };
}

export default { render };
