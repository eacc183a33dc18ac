// Values in the data of events. The list does not have them: the server is asked for those that somebody filters by.

import { isOfData, pathOf } from "./facet_names.js";
import { request } from "./stream.js";

const PAUSE_MS = 200; // between two requests, while events come
const RETRY_MS = 2000; // after one without an answer

export class DataValues {
  #last = new Map(); // by facet: the number of the last event whose value is known
  #isBusy = false;

  /** `changed` is called when rows have got values. */
  constructor(store, changed) {
    Object.assign(this, { store, changed });
  }

  /** Forget what is known: the numbers belong to other events now. */
  reset() {
    this.#last = new Map();
  }

  /** Write the values that are filtered by into the rows, for as long as some are missing. */
  async fetch() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let missing = this.#missing(); missing.length; missing = this.#missing()) {
      const answered = await Promise.all(missing.map((facet) => this.#fetchOne(facet)));
      this.changed();
      await new Promise((resolve) => { setTimeout(resolve, answered.every(Boolean) ? PAUSE_MS : RETRY_MS); });
    }
    this.#isBusy = false;
  }

  #missing() {
    return this.store.filters.activeFacets().filter((facet) => isOfData(facet) && this.#lastOf(facet) < this.store.newest);
  }

  #lastOf(facet) {
    return this.#last.get(facet) ?? 0;
  }

  /** Return whether there was an answer. */
  async #fetchOne(facet) {
    const known = this.#last;
    const answer = await request("/api/values", { path: pathOf(facet), after: this.#lastOf(facet) }).catch(() => null);
    if (!answer || known !== this.#last) return answer !== null;
    for (const [n, value] of answer.values) Object.assign(this.store.get(n) ?? {}, { [facet]: value });
    known.set(facet, answer.last);
    return true;
  }
}
