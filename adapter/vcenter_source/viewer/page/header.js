// The header of the page: how many events came, by family, and the state of vCenter, the sink and this adapter.

import { Bins } from "./bins.js";
import { el, visible } from "./dom.js";
import { count, duration } from "./format.js";
import { Strip } from "./strip.js";

const NUMBERS = [["rate", "events/s"], ["lag", "lag"], ["flight", "in flight"], ["letters", "dead letters"]];

export class Header {
  #bins = new Bins();
  #checks = new Map();

  /** `showLetters` is called where somebody wants to see the dead letters, `chooseRange` with a time range. */
  constructor({ figure, numbers, checks, showLetters, chooseRange }) {
    Object.assign(this, { numbers, checks });
    this.strip = new Strip(figure, this.#bins, chooseRange);
    this.values = {};
    for (const [name, title] of NUMBERS) {
      this.values[name] = el("dd", { id: `number-${name}` }, "–");
      numbers.append(el("div", {}, el("dt", {}, title), this.values[name]));
    }
    this.values.letters.replaceChildren(el("button", { type: "button", class: "number", title: "Show the dead letters", onclick: showLetters }, "–"));
  }

  /** Start anew with the counts of a server. */
  reset({ rates, sink, hasLetters }) {
    document.body.classList.toggle("reads-only", sink === null && !hasLetters);
    this.#bins.clear();
    this.#bins.add(rates);
    this.strip.draw();
  }

  /** Say that nothing is known any more: the adapter does not answer. */
  lose() {
    for (const value of Object.values(this.values)) (value.firstElementChild ?? value).textContent = "–";
    this.#writeChecks({ "no connection to the adapter": { ok: false, word: "", why: "It has ended, or the network between it and this page is cut. What is shown is what was last known." } });
  }

  update(status) {
    this.#bins.add(status.rates);
    this.strip.draw();
    this.#writeNumbers(status);
    this.#writeChecks(status.checks);
  }

  #writeChecks(checks) {
    for (const [name, check] of Object.entries(checks)) this.#writeCheck(name, check);
    for (const [name, pill] of this.#checks) pill.element.hidden = !(name in checks);
  }

  #writeNumbers({ lag, inFlight, waiting, letters }) {
    this.values.rate.textContent = this.#eventsPerSecond();
    // On a quiet vCenter the last event gets ever older, though nothing waits.
    this.values.lag.textContent = lag === null ? "–" : inFlight ? duration(lag * 1000) : "none";
    this.values.flight.textContent = count(inFlight);
    this.values.flight.title = inFlight ? `the oldest for ${duration(waiting * 1000)}` : "";
    const [button] = this.values.letters.children;
    button.textContent = count(letters);
    button.setAttribute("aria-label", `Show the dead letters: ${count(letters)}`);
    this.values.letters.classList.toggle("bad", letters > 0);
  }

  #writeCheck(name, { ok, why, word = ok ? "ok" : "failing" }) {
    if (!this.#checks.has(name)) {
      const word = el("span");
      const text = el("p");
      const element = el("details", { class: "pill" }, el("summary", {}, word), text);
      this.#checks.set(name, { element, word, text });
      this.checks.append(element);
    }
    const pill = this.#checks.get(name);
    pill.element.dataset.ok = ok;
    pill.word.textContent = `${name} ${word}`.trim();
    pill.text.textContent = visible(why);
  }

  /** The rate in the last whole bin. */
  #eventsPerSecond() {
    const { rate } = this.#bins;
    return rate >= 100 ? count(Math.round(rate)) : rate.toFixed(1);
  }
}
