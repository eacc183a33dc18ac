// One event: its data, the CloudEvent as it was sent, its timeline, and a Trigger made of it.

import { formatCurl } from "./curl.js";
import { $, bdi, copyButton, el, visible } from "./dom.js";
import { facetOf } from "./facet_names.js";
import { count, fullTime, shortType, size } from "./format.js";
import { pickButtons } from "./pick.js";
import { askToSendEvent } from "./replay.js";
import { request } from "./stream.js";
import { tree } from "./tree.js";
import { TriggerForm } from "./trigger.js";
import { steps } from "./timeline.js";
import { waterfall } from "./waterfall.js";

const TABS = { data: "Event", sent: "CloudEvent", timeline: "Timeline", trigger: "Make a Trigger" };
const LONGEST_PICK = 200; // characters of a value that is filtered by
const SPANS_DELAY_MS = 1500; // spans are exported in batches

export class EventPane {
  #n = null;
  #event = null;
  #tab = "data";
  #form = null;

  /** `changed` is called when another event or tab is shown, or none; `rowOf` gives the row of the list. */
  constructor(section, { closed, changed, words, about, rowOf, pick, filters, filter }) {
    Object.assign(this, { section, closed, changed, words, about, rowOf, pick, filters, filter });
    section.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.target.closest("input, textarea, select")) this.close();
    });
  }

  get n() {
    return this.#n;
  }

  /** The tab that is shown; null for the first, with which an event opens. */
  get tab() {
    return this.#tab === "data" ? null : this.#tab;
  }

  /** Show another tab; null for the first. */
  set tab(tab) {
    this.#tab = Object.hasOwn(TABS, tab) ? tab : "data";
    if (this.#event) this.#show();
  }

  /** Show that there is no such event. */
  miss() {
    this.#n = -1;
    this.#event = null;
    this.#appear();
    this.section.replaceChildren(this.#bar(), el("p", { class: "notice" }, "This event is not in the history any more."));
  }

  #appear() {
    this.#closeForm();
    this.section.hidden = false;
    document.body.classList.add("with-event");
  }

  #closeForm() {
    this.#form?.close();
    this.#form = null;
  }

  async #read(n) {
    return { ...await request(`/api/events/${n}`), viewed: this.about().sink === null };
  }

  /** Show an event; `focus` moves the keyboard there. */
  async open(n, { focus = false } = {}) {
    this.#n = n;
    this.#appear();
    try {
      const event = await this.#read(n);
      if (this.#n !== n) return;
      this.#event = event;
      this.#draw();
    } catch (error) {
      this.section.replaceChildren(this.#bar(), el("p", { class: "notice" }, error.status === 404 ? "This event is not in the history any more." : `The event cannot be read: ${error.message}`));
    }
    if (focus) (this.section.querySelector("[aria-selected=true]") ?? this.section.querySelector("button")).focus();
  }

  close() {
    if (this.#n === null) return;
    this.#n = null;
    this.#event = null;
    this.#closeForm();
    this.section.hidden = true;
    this.section.replaceChildren();
    document.body.classList.remove("with-event");
    this.closed();
  }

  /** Read the event again, since its state has changed; not while a Trigger is being edited. */
  refresh() {
    if (this.#event && this.#tab !== "trigger") this.#reload(this.#n);
  }

  async #reload(n) {
    const event = await this.#read(n).catch(() => null);
    if (!event || this.#n !== n) return;
    this.#event = event;
    this.state.replaceWith(this.#state());
    if (this.#tab === "timeline") this.#show();
  }

  #bar() {
    const close = el("button", { type: "button", class: "close", "aria-label": "Close the event", onclick: () => this.close() }, "✕");
    return el("div", { class: "bar" }, el("span", { class: "quiet" }, this.#event ? `Event ${visible(this.#event.event.id)}` : ""), close);
  }

  #draw() {
    const { event } = this.#event;
    const message = event.data?.fullFormattedMessage ?? event.data?.FullFormattedMessage ?? event.data?.reason ?? shortType(event.type);
    this.panel = el("div", { role: "tabpanel", id: "panel", tabindex: "0" });
    this.section.replaceChildren(
      this.#bar(),
      el("h2", { class: "message" }, el("bdi", {}, visible(String(message), { lines: true }))),
      this.#state(),
      this.#tabs(),
      this.panel,
    );
    this.#show();
  }

  #state() {
    const { state, tries, failures } = this.#event;
    const last = failures.at(-1)?.[1] ?? "";
    this.state = el("div", { class: "fate" },
      el("p", {}, el("span", { class: "state", "data-state": state }, this.words(state)),
        tries ? el("span", { class: "quiet" }, ` after ${count(tries)} failed ${tries === 1 ? "try" : "tries"}`) : null, this.#replay()),
      last ? el("p", { class: "why" }, bdi(last)) : null);
    return this.state;
  }

  /** What sends it again; a dead letter that is kept elsewhere would stay there. */
  #replay() {
    const { sink, hasLetters } = this.about();
    const isLetter = this.#event.state === "dead letter";
    if (sink === null) return null;
    if (isLetter && !hasLetters) return el("span", { class: "quiet" }, "kept at DEAD_LETTER_SINK; send it again from there");
    return el("button", { type: "button", class: "small", onclick: () => askToSendEvent(this.#n, { sink, isLetter }) }, "Send again…");
  }

  #tabs() {
    const buttons = Object.entries(TABS).map(([name, title]) => el("button", {
      type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "panel", onclick: () => this.#choose(name),
    }, title));
    this.tabs = el("div", { role: "tablist", "aria-label": "Parts of the event", onkeydown: (event) => this.#moveTab(event) }, buttons);
    return this.tabs;
  }

  #moveTab(event) {
    const names = Object.keys(TABS);
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    this.#choose(names[(names.indexOf(this.#tab) + by + names.length) % names.length]);
    $(`tab-${this.#tab}`).focus();
  }

  #choose(tab) {
    this.#tab = tab;
    this.#show();
    this.changed();
  }

  #show() {
    for (const button of this.tabs.children) {
      const selected = button.id === `tab-${this.#tab}`;
      button.setAttribute("aria-selected", selected);
      button.tabIndex = selected ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", `tab-${this.#tab}`);
    this.#closeForm();
    const parts = { data: () => this.#data(), sent: () => this.#sent(), timeline: () => this.#timeline(), trigger: () => this.#trigger() }[this.#tab]();
    this.panel.replaceChildren(...parts.filter(Boolean)); // the browser would write "null" for one that is missing
  }

  #data() {
    const { data, ...attributes } = this.#event.event;
    const facts = [
      ["Type", attributes.type, "type"], ["Object", attributes.subject ?? "none", "place"], ["Time", fullTime(new Date(attributes.time))],
      ["Severity", attributes.severitytext, "severity"], ["User", data?.userName ?? data?.UserName ?? "", "user"], ["Source", attributes.source, "vcenter"],
    ];
    return [
      el("dl", { class: "facts" }, facts.filter(([, value]) => value).map(([name, value, facet]) =>
        el("div", {}, el("dt", {}, name), el("dd", {}, bdi(value), this.#pickButtons(name, value, facet))))),
      el("div", { class: "with-copy" }, el("div", { class: "tree" }, tree("data", data, (path, value) => this.#pickData(path, value))), copyButton("Copy the data", () => JSON.stringify(data, null, 2))),
    ];
  }

  #pickButtons(name, value, facet) {
    const row = this.rowOf(this.#n);
    if (!row || !facet || (facet === "vcenter" && !row.vcenter)) return null;
    return pickButtons(`${name} ${visible(value)}`, (how) => this.pick(facet, row[facet], how));
  }

  #pickData(path, value) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const facet = path.length > 0 && text.length <= LONGEST_PICK ? facetOf(path) : null;
    return facet && pickButtons(`${visible(path.join("."))} ${visible(text)}`, (how) => this.pick(facet, text, how));
  }

  #sent() {
    const { headers, event } = this.#event;
    const body = JSON.stringify(event.data);
    const binary = `${Object.entries(headers).map(([name, value]) => `${name}: ${value}`).join("\n")}\n\n${body}`;
    const structured = JSON.stringify(event, null, 2);
    return [
      el("p", { class: "quiet" }, this.#event.viewed ? "How it would be sent, in both modes of CloudEvents over HTTP." : "How it was sent, in binary mode, and the same event in structured mode."),
      textSection("Binary mode", binary, `headers and ${size(new TextEncoder().encode(body).length)} of data`,
        copyButton("Copy as curl", () => formatCurl(this.about().sink, headers, body))),
      textSection("Structured mode", structured, "content-type: application/cloudevents+json"),
    ];
  }

  #timeline() {
    const before = [el("h3", {}, "In this adapter"), steps(this.#event), el("h3", {}, "Trace")];
    const id = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(this.#event.event.traceparent ?? "")?.[1];
    if (!id) return [...before, el("p", { class: "quiet" }, "This event is not traced: set OTEL_EXPORTER_OTLP_ENDPOINT, and the next ones are.")];
    const trace = el("div", { class: "trace" }, el("p", { class: "quiet" }, "Reading the trace…"));
    this.#showTrace(this.#n, trace, true);
    return [...before, this.#link(id), trace];
  }

  /** A link to the trace in a tracing UI; its address has nothing but the template and an id in hex. */
  #link(id) {
    const template = this.about().traceUrl;
    return el("p", { class: "quiet" }, el("code", {}, id), " ", template ? el("a", { href: template.replaceAll("{trace_id}", id), rel: "noreferrer", target: "_blank" }, "Open the trace") : null);
  }

  async #showTrace(n, place, again) {
    const { spans } = await request(`/api/events/${n}/trace`).catch(() => ({ spans: [] }));
    if (this.#n !== n || !place.isConnected) return;
    place.replaceChildren(spans.length ? waterfall(spans) : el("p", { class: "quiet" }, "No span has arrived yet."));
    if (again) setTimeout(() => this.#showTrace(n, place, false), SPANS_DELAY_MS);
  }

  #trigger() {
    this.#form = new TriggerForm(this.#event.event, this.filters, this.filter);
    return [this.#form.element];
  }
}

function textSection(title, content, note, ...buttons) {
  return el("section", { class: "sent", "aria-label": title }, el("h3", {}, title, el("span", { class: "quiet" }, ` ${note}`)),
    el("div", { class: "with-copy" }, el("pre", { tabindex: "0", role: "group", "aria-label": title }, visible(content, { lines: true })), el("div", { class: "copies" }, buttons, copyButton("Copy", () => content))));
}
