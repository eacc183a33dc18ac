// What is filtered by facets and time, each with a way to end it: also where the filters are out of sight.

import { el, visible } from "./dom.js";
import { range } from "./format.js";
import { FACETS } from "./facet_names.js";

export class Chips {
  #shown = "[]"; // what is shown: a chip keeps its element while others stay as they are, and with it a click

  /** `changed` is called after one is removed; `labelOf` gives the label of a facet's value. */
  constructor(list, filters, { changed, labelOf }) {
    Object.assign(this, { list, filters, changed, labelOf });
  }

  show() {
    const { filters } = this;
    const chips = filters.range ? [[range(filters.range), () => { filters.range = null; }]] : [];
    if (filters.numbers) chips.push(["matched by the Trigger", () => { filters.numbers = null; }]);
    for (const facet of filters.activeFacets()) {
      const title = FACETS[facet] ?? facet;
      for (const value of filters.chosen[facet]) chips.push(this.#value(facet, value, title));
      for (const value of filters.excluded[facet]) chips.push(this.#value(facet, value, `not ${title}`));
    }
    const texts = JSON.stringify(chips.map(([text]) => text));
    if (texts === this.#shown) return;
    this.#shown = texts;
    this.list.hidden = chips.length === 0;
    this.list.replaceChildren(...chips.map(([text, remove]) => this.#chip(text, remove)));
  }

  #value(facet, value, title) {
    return [`${title}: ${visible(this.labelOf(facet, value))}`, () => this.filters.choose(facet, value, "any")];
  }

  #chip(text, remove) {
    return el("li", {}, el("button", { type: "button", class: "small", title: `Remove ${text}`, onclick: () => {
      remove();
      this.changed();
    } }, el("bdi", {}, text)));
  }
}
