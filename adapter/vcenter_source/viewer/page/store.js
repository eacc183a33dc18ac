// The events that this page knows, as many as the server holds, and which of them are shown.

export const FACETS = {
  state: "State",
  severity: "Severity",
  family: "Family",
  type: "Type",
  object: "Object",
  user: "User",
};

/** Everything that the search looks at, in small letters. */
const haystack = (row) =>
  `${row.message}\n${row.type}\n${row.name}\n${row.object}\n${row.user}\n${row.id}\n${row.reason}`.toLowerCase();

export class Store {
  #rows = new Map();
  #list = [];
  #held = null; // the rows at the time of a pause
  words = [];
  chosen = Object.fromEntries(Object.keys(FACETS).map((facet) => [facet, new Set()]));

  /** Forget everything: the server is another one. */
  reset() {
    this.#rows.clear();
    this.#list = [];
    this.#held = null;
  }

  /** Take in one message of the stream. */
  take({ oldest, events }) {
    for (const event of events) this.#takeOne(event);
    if (this.#list.length && this.#list[0].n < oldest) this.#forget(oldest);
  }

  #takeOne({ n, state, tries = 0, reason = "", row }) {
    const known = this.#rows.get(n);
    if (known) {
      Object.assign(known, { state, tries, reason, version: known.version + 1 });
      known.hay = haystack(known);
    } else if (row) {
      const made = { n, state, tries, reason, version: 0, ...row };
      made.hay = haystack(made);
      this.#rows.set(n, made);
      this.#insert(made);
    }
  }

  /** In the order of numbers: an event that has changed meanwhile may be told of after the one behind it. */
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
    return this.#rows.get(n) ?? this.#held?.find((row) => row.n === n);
  }

  get size() {
    return this.#source.length;
  }

  get paused() {
    return this.#held !== null;
  }

  /** Hold what is shown, or go on; what comes meanwhile is kept. */
  pause(paused) {
    this.#held = paused ? this.#list.slice() : null;
  }

  /** How many events came since the pause began. */
  get waiting() {
    const last = this.#held?.at(-1)?.n ?? 0;
    return this.#held ? this.#list.reduceRight((sum, row) => sum + (row.n > last), 0) : 0;
  }

  get #source() {
    return this.#held ?? this.#list;
  }

  get filtered() {
    return this.words.length > 0 || Object.values(this.chosen).some((values) => values.size);
  }

  search(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
  }

  clear() {
    this.words = [];
    for (const values of Object.values(this.chosen)) values.clear();
  }

  /** The rows to show, newest first. */
  shown() {
    const active = Object.entries(this.chosen).filter(([, values]) => values.size);
    const rows = this.#source;
    const found = [];
    for (let at = rows.length - 1; at >= 0; at -= 1) {
      const row = rows[at];
      if (active.every(([facet, values]) => values.has(row[facet])) && this.#found(row)) found.push(row);
    }
    return found;
  }

  #found(row) {
    return this.words.every((word) => row.hay.includes(word));
  }

  /** How many events each value of each facet has, the other facets and the search applied. */
  counts() {
    const active = Object.entries(this.chosen).filter(([, values]) => values.size);
    const counts = Object.fromEntries(Object.keys(FACETS).map((facet) => [facet, new Map()]));
    const add = (facet, value) => counts[facet].set(value, (counts[facet].get(value) ?? 0) + 1);
    for (const row of this.#source) {
      if (!this.#found(row)) continue;
      const failing = active.filter(([facet, values]) => !values.has(row[facet]));
      if (failing.length === 0) for (const facet in FACETS) add(facet, row[facet]);
      else if (failing.length === 1) add(failing[0][0], row[failing[0][0]]);
    }
    return counts;
  }

  /** What an object is called, as far as any event said. */
  nameOf(object) {
    for (let at = this.#list.length - 1; at >= 0; at -= 1) {
      if (this.#list[at].object === object && this.#list[at].name) return this.#list[at].name;
    }
    return "";
  }
}
