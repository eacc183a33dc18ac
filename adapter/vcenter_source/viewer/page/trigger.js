// A Knative Trigger made of an event. The server checks its filters as `vcenter-source lint` does.

import { copyButton, el, visible } from "./dom.js";
import { count, shortType } from "./format.js";
import { request } from "./stream.js";

// The attributes that people filter on, in the order of the form.
const ATTRIBUTES = ["type", "severitytext", "subject", "eventname", "eventancestors", "eventclass", "source", "vcentername", "partitionkey", "vsphereapiversion"];
const RECOUNT_MS = 2000;
const TYPING_MS = 150;
const PLAIN = /^[A-Za-z][A-Za-z0-9_.:\/,-]*[A-Za-z0-9]$/;
const YAML_WORDS = /^(true|false|yes|no|on|off|null|y|n)$/i;

/** A text in YAML. */
const scalar = (text) => (PLAIN.test(text) && !YAML_WORDS.test(text) ? text : JSON.stringify(text));

/** The name that `vcenter-source trigger` would give it. */
const nameFor = (type) => (shortType(type).toLowerCase().match(/[a-z0-9]+/g)?.join("-") ?? "all-events").slice(0, 63).replace(/-$/, "");

export class TriggerForm {
  #timer = null;
  #requests = 0;
  #wantsRows = false; // until the answer has them; another request may come in between

  /** `filter` is called when `filters` shows other rows: those that the Trigger matches, or all again. */
  constructor(attributes, filters, filter) {
    Object.assign(this, { filters, filter });
    this.fields = Object.fromEntries([
      ["name", "Name", nameFor(attributes.type)], ["subscriber", "Subscriber", "svc/pytag"], ["broker", "Broker", "default"],
      ["namespace", "Namespace", ""],
    ].map(([name, title, value]) => [name, this.#field(name, title, value)]));
    this.rows = ATTRIBUTES.filter((name) => attributes[name]).map((name) => this.#row(name, String(attributes[name])));
    this.any = el("select", { onchange: () => this.#buildFilters() }, el("option", { value: "all" }, "all"), el("option", { value: "any" }, "any"));
    this.text = el("textarea", { id: "trigger-filters", rows: 6, spellcheck: false, oninput: () => this.#evaluateSoon() });
    this.matched = el("p", { class: "matched", role: "status" });
    this.showing = el("button", { type: "button", class: "small", "aria-pressed": "false", onclick: () => this.#toggleRows() }, "Show only these");
    this.findings = el("ul", { class: "findings" });
    this.yaml = el("pre", { tabindex: "0", role: "group", "aria-label": "The Trigger as YAML" });
    this.element = this.#layout();
    this.#buildFilters();
    this.#recount = setInterval(() => this.#evaluate(), RECOUNT_MS);
  }

  #recount = null;

  /** Stop asking the server. */
  close() {
    clearInterval(this.#recount);
    clearTimeout(this.#timer);
    this.#requests += 1; // an answer that is on its way is of no use any more
    this.#showRows(null);
  }

  /** Show only the rows that match, or all again. */
  #toggleRows() {
    const isShowing = this.filters.numbers !== null;
    if (isShowing) this.#showRows(null);
    this.#wantsRows = !isShowing;
    this.#evaluate();
  }

  #showRows(numbers) {
    if (numbers === null && this.filters.numbers === null) return;
    this.filters.numbers = numbers && new Set(numbers);
    this.filter();
  }

  #layout() {
    return el("form", { class: "trigger", onsubmit: (event) => event.preventDefault() },
      el("div", { class: "fields" }, Object.values(this.fields).map((field) => field.element)),
      el("fieldset", {}, el("legend", {}, "Events"), el("label", { class: "inline" }, "Events that meet ", this.any, " of"),
        this.rows.map((row) => row.element)),
      el("label", { for: "trigger-filters" }, "The Trigger's filters in YAML; edit them as you like"), this.text,
      el("div", { class: "matches" }, this.matched, this.showing), this.findings,
      el("div", { class: "with-copy" }, this.yaml, copyButton("Copy the YAML", () => this.yaml.textContent)),
      el("p", { class: "quiet" }, "Apply it with ", el("code", {}, "kubectl apply -f -"), ", check it with ", el("code", {}, "vcenter-source lint -"), "."));
  }

  #field(name, title, value) {
    const input = el("input", { id: `trigger-${name}`, value, autocomplete: "off", spellcheck: false, oninput: () => this.#evaluateSoon() });
    return { input, element: el("div", {}, el("label", { for: input.id }, title), input) };
  }

  #row(name, value) {
    const changed = () => this.#buildFilters();
    const on = el("input", { type: "checkbox", checked: name === "type", onchange: changed });
    const not = el("select", { "aria-label": `${name}: is or is not`, onchange: changed },
      el("option", { value: "" }, "is"), el("option", { value: "not" }, "is not"));
    const dialect = el("select", { "aria-label": `${name}: how it is compared`, onchange: changed },
      ["exact", "prefix", "suffix"].map((each) => el("option", { value: each }, each)));
    const input = el("input", { value: visible(value), "aria-label": `${name}: the value`, spellcheck: false, autocomplete: "off", oninput: () => {
      on.checked = true;
      changed();
    } });
    return { name, on, not, dialect, input, element: el("div", { class: "condition" }, el("label", {}, on, name), not, dialect, input) };
  }

  /** Write the choices as filters. */
  #buildFilters() {
    const any = this.any.value === "any";
    const wanted = this.rows.filter((row) => row.on.checked && row.input.value);
    const indent = any && wanted.length > 1 ? "  " : "";
    const lines = wanted.flatMap(({ name, not, dialect, input }) => (not.value
      ? [`${indent}- not:`, `${indent}    ${dialect.value}:`, `${indent}      ${name}: ${scalar(input.value)}`]
      : [`${indent}- ${dialect.value}:`, `${indent}    ${name}: ${scalar(input.value)}`]));
    this.text.value = [...(indent ? ["- any:"] : []), ...lines].join("\n");
    this.text.rows = Math.max(4, this.text.value.split("\n").length + 1);
    this.#evaluateSoon();
  }

  #evaluateSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#evaluate(), TYPING_MS);
  }

  async #evaluate() {
    const rows = this.#wantsRows || this.filters.numbers !== null;
    const number = ++this.#requests;
    const form = Object.fromEntries(Object.entries(this.fields).map(([name, { input }]) => [name, input.value.trim()]));
    try {
      const answer = await request("/api/trigger", { ...form, filters: this.text.value, rows });
      if (number === this.#requests) this.#show(answer);
    } catch (error) {
      if (number === this.#requests) this.matched.textContent = `The filters could not be checked: ${error.message}`;
    }
  }

  #show({ problem, yaml, findings, matched, of, rows }) {
    this.#wantsRows = false;
    this.#showRows(rows ?? null);
    this.showing.hidden = matched === null;
    this.showing.setAttribute("aria-pressed", this.filters.numbers !== null);
    this.matched.textContent = matched === null
      ? "No events are counted: the filters have an error, or are too long."
      : `Matches ${count(matched)} of the last ${count(of)} events.`;
    const notes = [...(problem ? [{ severity: "error", message: problem }] : []), ...findings];
    this.findings.replaceChildren(...notes.map(({ severity, message }) => el("li", { class: severity }, `${severity}: ${visible(message)}`)));
    this.yaml.textContent = yaml;
    this.yaml.parentElement.hidden = !yaml;
  }
}
