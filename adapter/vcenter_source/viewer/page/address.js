// What is shown, in the page's address: it outlives a reload, Back undoes a step, and the link can be sent.

import { FACETS, isOfData } from "./facet_names.js";

const NOT = "not-";

/** What an address shows: search, facets, time range (milliseconds since 1970), the open event and its tab. */
function readView(query) {
  const parameters = new URLSearchParams(query);
  const ofData = [...parameters.keys()].map((name) => (name.startsWith(NOT) ? name.slice(NOT.length) : name)).filter(isOfData);
  const each = (prefix) => Object.fromEntries([...Object.keys(FACETS), ...ofData].map((facet) => [facet, parameters.getAll(prefix + facet)]));
  const [from, to] = ["from", "to"].map((name) => Date.parse(parameters.get(name) ?? "")).map((time) => (Number.isNaN(time) ? null : time));
  const isRange = from === null ? to !== null : to === null || from < to;
  return {
    search: parameters.get("q") ?? "",
    chosen: each(""),
    excluded: each(NOT),
    range: isRange ? { from, to } : null,
    event: parameters.get("event"),
    tab: parameters.get("tab"),
  };
}

/** The query of an address that shows this; empty for the page as it begins. */
function formatView({ search, chosen, excluded, range, event, tab }) {
  const parameters = new URLSearchParams();
  if (search.trim()) parameters.set("q", search.trim());
  for (const [prefix, facets] of [["", chosen], [NOT, excluded]]) {
    for (const [facet, values] of Object.entries(facets)) for (const value of values) parameters.append(prefix + facet, value);
  }
  for (const [name, time] of Object.entries(range ?? {})) if (time !== null) parameters.set(name, new Date(time).toISOString());
  if (event) parameters.set("event", event);
  if (event && tab) parameters.set("tab", tab);
  const query = parameters.toString();
  return query && `?${query}`;
}

export class Address {
  #isTyping = false;

  /** `apply` is called with a view when somebody goes back or forward. */
  constructor(apply) {
    addEventListener("popstate", () => {
      this.#isTyping = false;
      apply(this.view);
    });
  }

  get view() {
    return readView(location.search);
  }

  /** Write what is shown now: a step that Back undoes, but the letters of one search are one step. */
  write(view, { typing = false } = {}) {
    const query = formatView(view);
    if (query === formatView(this.view)) return;
    const kind = typing && this.#isTyping ? "replaceState" : "pushState";
    history[kind](null, "", location.pathname + query);
    this.#isTyping = typing;
  }
}
