// The filters: the values of each facet, how often each occurs, and which are chosen.

import { bdi, el, visible } from "./dom.js";
import { count, shortType } from "./format.js";
import { FACETS } from "./facet_names.js";

const FOLDED_SIZE = 7;
const MAX_SIZE = 200;
const ORDER = { severity: ["ERROR", "WARN", "INFO"], state: ["in flight", "retrying", "dead letter", "interrupted", "removed", "delivered"] };

export class Facets {
  #parts = {};
  #isHeld = false; // while somebody points at a value, or is about to choose one by the keyboard

  /** `changed` is called after each choice; `words` gives the label of a state. */
  constructor(section, store, { changed, words }) {
    Object.assign(this, { store, changed, words });
    for (const [facet, title] of Object.entries(FACETS)) section.append(this.#part(facet, title));
    const hold = () => { this.#isHeld = section.matches(":hover") || section.querySelector(":focus-visible") !== null; };
    for (const kind of ["pointerenter", "pointerleave", "focusin"]) section.addEventListener(kind, hold);
    section.addEventListener("focusout", () => setTimeout(hold));
  }

  #part(facet, title) {
    const list = el("ul");
    const more = el("button", { type: "button", class: "small more", hidden: true, onclick: () => {
      part.all = !part.all;
      part.order = part.all ? part.order : part.order.slice(0, FOLDED_SIZE);
      this.#fill(facet);
    } });
    const element = el("details", { open: facet !== "place" && facet !== "user" }, el("summary", {}, title), list, more);
    const part = { element, list, more, all: false, items: new Map(), order: [], counts: new Map() };
    this.#parts[facet] = part;
    return element;
  }

  show(counts) {
    for (const facet in FACETS) {
      this.#parts[facet].counts = counts[facet];
      this.#fill(facet);
    }
  }

  #fill(facet) {
    const part = this.#parts[facet];
    const { chosen: { [facet]: only }, excluded: { [facet]: not } } = this.store.filters;
    const chosen = new Set([...only, ...not]);
    const values = [...new Set([...part.counts.keys(), ...chosen])].sort((one, other) => this.#compare(facet, one, other));
    const shown = this.#choose(part, values);
    for (const value of chosen) if (!shown.includes(value)) shown.push(value);
    this.#place(facet, shown);
    part.element.hidden = facet === "vcenter" && values.length < 2;
    part.more.hidden = values.length <= FOLDED_SIZE;
    part.more.textContent = part.all ? "Fewer" : `${count(values.length - FOLDED_SIZE)} more`;
  }

  /** The values to show. While held, those that are there stay in their places, and others come below them. */
  #choose(part, values) {
    const size = part.all ? MAX_SIZE : FOLDED_SIZE;
    if (!this.#isHeld) return values.slice(0, size);
    const more = values.filter((value) => !part.order.includes(value));
    return [...part.order, ...more.slice(0, Math.max(0, size - part.order.length))];
  }

  #compare(facet, one, other) {
    const order = ORDER[facet];
    if (order) return order.indexOf(one) - order.indexOf(other);
    const counts = this.#parts[facet].counts;
    return (counts.get(other) ?? 0) - (counts.get(one) ?? 0) || (one < other ? -1 : 1);
  }

  /** Put the values in their order; a value that was there keeps its element, and with it the focus. */
  #place(facet, values) {
    const { list, items, counts } = this.#parts[facet];
    this.#parts[facet].order = values;
    for (const [value, item] of items) {
      if (!values.includes(value)) {
        item.element.remove();
        items.delete(value);
      }
    }
    values.forEach((value, at) => {
      if (!items.has(value)) items.set(value, this.#item(facet, value));
      const item = items.get(value);
      item.box.checked = this.store.filters.chosen[facet].has(value);
      item.not.setAttribute("aria-pressed", this.store.filters.excluded[facet].has(value));
      item.count.textContent = count(counts.get(value) ?? 0);
      if (list.children[at] !== item.element) list.insertBefore(item.element, list.children[at] ?? null);
    });
  }

  #item(facet, value) {
    const box = el("input", { type: "checkbox", onchange: () => {
      this.store.filters.choose(facet, value, box.checked ? "only" : "any");
      this.changed();
    } });
    const not = el("button", { type: "button", class: "not", title: `Without ${visible(this.labelOf(facet, value))}`, onclick: () => {
      this.store.filters.choose(facet, value, this.store.filters.excluded[facet].has(value) ? "any" : "not");
      this.changed();
    } });
    const number = el("span", { class: "count" });
    const label = el("label", { title: visible(value) }, box, this.#label(facet, value), number);
    return { element: el("li", { class: "pick" }, label, not), box, not, count: number };
  }

  #label(facet, value) {
    const label = this.labelOf(facet, value);
    if (facet === "state") return el("span", { class: "state", "data-state": value }, label);
    if (facet === "severity") return el("span", { class: "severity", "data-severity": value }, label);
    return bdi(label);
  }

  /** What people call a value of a facet. */
  labelOf(facet, value) {
    if (facet === "state") return this.words(value);
    if (facet === "place") return this.store.nameOf(value) || "none";
    return (facet === "type" ? shortType(value) : value) || "none";
  }
}
