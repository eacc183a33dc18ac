// Elements. Every text goes through text nodes; event data is never interpreted as HTML.

// What could affect the text around: control characters, and those that change the direction of text.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;
const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

const codePoint = (character) => `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
const picture = (character) => {
  const code = character.charCodeAt(0);
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "\u2421" : codePoint(character);
};

/** Make invisible characters of a text visible; with `lines`, line ends and tabs stay. */
export function visible(text, { lines = false } = {}) {
  return text
    .replace(CONTROL, (each) => (lines && (each === "\n" || each === "\t") ? each : picture(each)))
    .replace(DIRECTION, codePoint);
}

/** An element with properties (a `class`, `aria-…` and `data-…` are attributes, `on…` listeners) and children. */
export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) set(element, key, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function set(element, key, value) {
  if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
  else if (key in element && !key.includes("-")) element[key] = value;
  else if (value !== null && value !== false) element.setAttribute(key, value);
}

/** An SVG element. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** A text of an event, whose direction does not affect the text around it. */
export const bdi = (text, properties = {}) => el("bdi", properties, visible(text));

/** A button that copies a text, and confirms it. */
export function copyButton(label, text) {
  const button = el("button", { type: "button", class: "small" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not copied: the browser does not allow it";
    }
    setTimeout(() => { button.textContent = label; }, 1500);
  });
  return button;
}

export const $ = (id) => document.getElementById(id);
