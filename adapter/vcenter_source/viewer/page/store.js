// The events that this page has, as many as the server's history, and which of them are shown.

export const FACETS = {
  state: "State",
  severity: "Severity",
  family: "Family",
  type: "Type",
  vcenter: "vCenter",
  place: "Object",
  user: "User",
};

/** All text that the search looks at, in lower case. */
const haystack = (row) =>
  `${row.message}\n${row.type}\n${row.name}\n${row.object}\n${row.vcenter}\n${row.user}\n${row.id}\n${row.reason}`.toLowerCase();

export class Store {
  #rows = new Map();
  #list = [];
  #paused = null; // the rows at the time of a pause
  words = [];
  chosen = Object.fromEntries(Object.keys(FACETS).map((facet) => [facet, new Set()]));

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

  get size() {
    return this.#source.length;
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

  get isFiltered() {
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
    const shown = [];
    for (let at = rows.length - 1; at >= 0; at -= 1) {
      const row = rows[at];
      if (active.every(([facet, values]) => values.has(row[facet])) && this.#matchesSearch(row)) shown.push(row);
    }
    return shown;
  }

  #matchesSearch(row) {
    return this.words.every((word) => row.hay.includes(word));
  }

  /** How many events each value of each facet has, with the other facets and the search applied. */
  counts() {
    const active = Object.entries(this.chosen).filter(([, values]) => values.size);
    const counts = Object.fromEntries(Object.keys(FACETS).map((facet) => [facet, new Map()]));
    const add = (facet, value) => counts[facet].set(value, (counts[facet].get(value) ?? 0) + 1);
    for (const row of this.#source) {
      if (!this.#matchesSearch(row)) continue;
      const failing = active.filter(([facet, values]) => !values.has(row[facet]));
      if (failing.length === 0) for (const facet in FACETS) add(facet, row[facet]);
      else if (failing.length === 1) add(failing[0][0], row[failing[0][0]]);
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
