// The header of the page: how many events came, by family, and the state of vCenter, the sink and this adapter.

import { el, svg, visible } from "./dom.js";
import { count, duration } from "./format.js";

const BIN_SECONDS = 10;
const BIN_COUNT = 90;
const COLOURS = 6;
const HEIGHT = 40;
const NUMBERS = [["rate", "events/s"], ["lag", "lag"], ["flight", "in flight"], ["letters", "dead letters"]];

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** The beginning of the bin of the present moment, in seconds since 1970. */
const currentBin = () => Math.floor(Date.now() / 1000 / BIN_SECONDS) * BIN_SECONDS;

export class Header {
  #bins = new Map(); // counts by family, by the beginning of the bin
  #checks = new Map();

  /** `showLetters` is called where somebody wants to see the dead letters. */
  constructor({ figure, numbers, checks, showLetters }) {
    Object.assign(this, { figure, numbers, checks });
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
    this.#addBins(rates);
    this.#draw();
  }

  /** Say that nothing is known any more: the adapter does not answer. */
  lose() {
    for (const value of Object.values(this.values)) (value.firstElementChild ?? value).textContent = "–";
    this.#writeChecks({ "no connection to the adapter": { ok: false, word: "", why: "It has ended, or the network between it and this page is cut. What is shown is what was last known." } });
  }

  update(status) {
    this.#addBins(status.rates);
    this.#draw();
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

  #addBins(rates) {
    for (const [begin, families] of Object.entries(rates)) this.#bins.set(Number(begin), families);
  }

  /** The rate in the last whole bin. */
  #eventsPerSecond() {
    const rate = sum(Object.values(this.#bins.get(currentBin() - BIN_SECONDS) ?? {})) / BIN_SECONDS;
    return rate >= 100 ? count(Math.round(rate)) : rate.toFixed(1);
  }

  #draw() {
    const now = currentBin();
    const begin = now - (BIN_COUNT - 1) * BIN_SECONDS;
    for (const bin of this.#bins.keys()) if (bin < begin) this.#bins.delete(bin);
    const families = this.#families();
    const bins = [...this.#bins].filter(([bin]) => bin <= now + BIN_SECONDS);
    const highest = Math.max(BIN_SECONDS, ...bins.map(([, counts]) => sum(Object.values(counts))));
    const bars = bins.flatMap(([bin, counts]) => stack((Math.min(bin, now) - begin) / BIN_SECONDS, counts, families, highest));
    const line = svg("line", { class: "axis", x1: 0, x2: BIN_COUNT, y1: HEIGHT, y2: HEIGHT });
    const picture = svg("svg", { viewBox: `0 0 ${BIN_COUNT} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...bars, line);
    const peak = el("span", { class: "peak" }, `peak ${(highest / BIN_SECONDS).toFixed(1)}/s`);
    const legend = families.map((family, index) => el("li", {}, el("i", { class: `f${index}` }), visible(family)));
    this.figure.replaceChildren(picture, el("figcaption", {}, peak, el("ul", {}, legend)));
  }

  /** The families with the most events, and "others" where there are more of them. */
  #families() {
    const sums = new Map();
    for (const counts of this.#bins.values()) {
      for (const [family, number] of Object.entries(counts)) sums.set(family, (sums.get(family) ?? 0) + number);
    }
    const sorted = [...sums].sort((one, other) => other[1] - one[1]).map(([family]) => family);
    return sorted.length <= COLOURS ? sorted.sort() : [...sorted.slice(0, COLOURS - 1).sort(), "others"];
  }
}

/** The bars of one bin, one on top of the other. */
function stack(x, counts, families, highest) {
  const heights = families.map(() => 0);
  for (const [family, number] of Object.entries(counts)) {
    const index = families.indexOf(family);
    heights[index < 0 ? families.length - 1 : index] += (number / highest) * HEIGHT;
  }
  let y = HEIGHT;
  return heights.map((height, index) => {
    y -= height;
    return svg("rect", { class: `f${index}`, x, y, width: 0.8, height });
  });
}
