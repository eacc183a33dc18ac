// The events that this page has, as many as the server's history, and which of them are shown.

import { FACETS } from "./facet_names.js";
import { Filters } from "./filters.js";

/** All text that the search looks at, in lower case. */
const haystack = (row) =>
  `${row.message}\n${row.type}\n${row.name}\n${row.object}\n${row.vcenter}\n${row.user}\n${row.id}\n${row.reason}`.toLowerCase();

export class Store {
  #rows = new Map();
  #list = [];
  #paused = null; // the rows at the time of a pause
  filters = new Filters();

  /** Forget everything: the server process is another one. */
  reset() {
    this.#rows.clear();
    this.#list = [];
    this.#paused = null;
  }

  /** Add one message of the stream. */
  add({ oldest, events }) {
    for (const event of events) this.#addOne(event);
    if (this.#list.length && this.#list[0].n < oldest) this.#forget(oldest);
  }

  #addOne({ n, state, tries = 0, reason = "", row }) {
    const present = this.#rows.get(n);
    if (present) {
      Object.assign(present, { state, tries, reason, version: present.version + 1 });
      present.hay = haystack(present);
    } else if (row) {
      const added = { n, state, tries, reason, version: 0, ...row };
      added.place = row.object && `${row.vcenter} ${row.object}`; // an object's id means another object in another vCenter
      added.at = Date.parse(row.time);
      added.key = row.vcenter ? `${row.vcenter}/${row.id}` : row.id; // what an address calls it
      added.hay = haystack(added);
      this.#rows.set(n, added);
      this.#insert(added);
    }
  }

  /** Keep the order of numbers: an event that has changed meanwhile may arrive after the next one. */
  #insert(row) {
    let at = this.#list.length;
    while (at > 0 && this.#list[at - 1].n > row.n) at -= 1;
    this.#list.splice(at, 0, row);
  }

  #forget(oldest) {
    const from = this.#list.findIndex((row) => row.n >= oldest);
    for (const row of this.#list.splice(0, from < 0 ? this.#list.length : from)) this.#rows.delete(row.n);
  }

  get(n) {
    return this.#rows.get(n) ?? this.#paused?.find((row) => row.n === n);
  }

  /** The event with this key, if the page has it. */
  find(key) {
    return this.#list.findLast((row) => row.key === key);
  }

  get size() {
    return this.#source.length;
  }

  /** The number of the last event. */
  get newest() {
    return this.#list.at(-1)?.n ?? 0;
  }

  get paused() {
    return this.#paused !== null;
  }

  /** Freeze what is shown, or resume; what comes meanwhile is kept. */
  pause(paused) {
    this.#paused = paused ? this.#list.slice() : null;
  }

  /** How many events came since the pause began. */
  get waiting() {
    const last = this.#paused?.at(-1)?.n ?? 0;
    return this.#paused ? this.#list.reduceRight((sum, row) => sum + (row.n > last), 0) : 0;
  }

  get #source() {
    return this.#paused ?? this.#list;
  }

  /** The rows to show, newest first. */
  shown() {
    const active = this.filters.activeFacets();
    const rows = this.#source;
    const shown = [];
    for (let at = rows.length - 1; at >= 0; at -= 1) {
      const row = rows[at];
      if (active.every((facet) => this.filters.passes(facet, row)) && this.filters.matches(row)) shown.push(row);
    }
    return shown;
  }

  /** How many events each value of each facet has, with the other facets, the search and the time range applied. */
  counts() {
    const active = this.filters.activeFacets();
    const counts = Object.fromEntries([...Object.keys(FACETS), ...active].map((facet) => [facet, new Map()]));
    const add = (facet, value) => counts[facet].set(value, (counts[facet].get(value) ?? 0) + 1);
    for (const row of this.#source) {
      if (!this.filters.matches(row)) continue;
      const failing = active.filter((facet) => !this.filters.passes(facet, row));
      if (failing.length === 0) for (const facet in FACETS) add(facet, row[facet]);
      else if (failing.length === 1) add(failing[0], row[failing[0]]);
    }
    return counts;
  }

  /** What to call an object: its name, if any event has it, or else its id. */
  nameOf(place) {
    for (let at = this.#list.length - 1; at >= 0; at -= 1) {
      if (this.#list[at].place === place && this.#list[at].name) return this.#list[at].name;
    }
    return place.slice(place.indexOf(" ") + 1);
  }
}
