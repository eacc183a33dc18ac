// What is filtered: by search, by the values of facets, and by time.

import { emptySets } from "./facet_names.js";
import { matchesAll, parseSearch } from "./search.js";

const isWithin = (at, { from, to }) => (from === null || at >= from) && (to === null || at < to);

export class Filters {
  chosen = emptySets();
  excluded = emptySets();
  range = null; // { from, to } in milliseconds since 1970, either may be null; `to` is not in it
  numbers = null; // those that a Trigger matches, while it is being made
  #text = "";
  #terms = [];

  get search() {
    return this.#text;
  }

  set search(text) {
    this.#text = text;
    this.#terms = parseSearch(text);
  }

  get isActive() {
    return this.#terms.length > 0 || this.range !== null || this.numbers !== null || this.#sets.some((values) => values.size > 0);
  }

  /** Whether all that is filtered is this value of a facet. */
  isOnly(facet, value) {
    const values = this.#sets.reduce((sum, set) => sum + set.size, 0);
    return values === 1 && this.chosen[facet].has(value) && this.#terms.length === 0 && this.range === null && this.numbers === null;
  }

  get #sets() {
    return [...Object.values(this.chosen), ...Object.values(this.excluded)];
  }

  clear() {
    this.search = "";
    this.range = null;
    this.numbers = null;
    for (const values of this.#sets) values.clear();
  }

  /** Take over what an address shows. */
  set({ search, chosen, excluded, range }) {
    this.search = search;
    this.range = range;
    for (const facet in { ...this.chosen, ...chosen }) {
      this.chosen[facet] = new Set(chosen[facet]);
      this.excluded[facet] = new Set(excluded[facet]);
    }
  }

  /** Show only events with this value ("only"), only others ("not"), or both ("any"). */
  choose(facet, value, how) {
    this.chosen[facet] ??= new Set();
    this.excluded[facet] ??= new Set();
    this.chosen[facet][how === "only" ? "add" : "delete"](value);
    this.excluded[facet][how === "not" ? "add" : "delete"](value);
  }

  /** The facets that have a choice; a row must pass each of them. */
  activeFacets() {
    return Object.keys(this.chosen).filter((facet) => this.chosen[facet].size || this.excluded[facet].size);
  }

  /** Whether a row has a value that passes; not while its value is not known. */
  passes(facet, row) {
    return row[facet] !== undefined && (!this.chosen[facet].size || this.chosen[facet].has(row[facet])) && !this.excluded[facet].has(row[facet]);
  }

  /** Whether a row meets the search and the time range, and a Trigger that is being made. */
  matches(row) {
    const { range, numbers } = this;
    return (!numbers || numbers.has(row.n)) && (!range || isWithin(row.at, range)) && matchesAll(this.#terms, row);
  }
}
