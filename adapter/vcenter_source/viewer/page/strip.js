// The top of the page: how many events came, by family, and how vCenter, the sink and this adapter are.

import { el, svg, visible } from "./dom.js";
import { count, duration } from "./format.js";

const STEP = 10;
const STEPS = 90;
const COLOURS = 6;
const HEIGHT = 40;

export class Strip {
  #steps = new Map();
  #checks = new Map();

  constructor({ figure, numbers, checks }) {
    Object.assign(this, { figure, numbers, checks });
    this.values = {};
    for (const [name, title] of [["rate", "events/s"], ["lag", "lag"], ["flight", "in flight"], ["letters", "dead letters"]]) {
      this.values[name] = el("dd", { id: `number-${name}` }, "–");
      numbers.append(el("div", {}, el("dt", {}, title), this.values[name]));
    }
  }

  about({ rates }) {
    this.#steps.clear();
    this.#note(rates);
    this.#draw();
  }

  status(status) {
    this.#note(status.rates);
    this.#draw();
    this.values.rate.textContent = this.#perSecond();
    // On a quiet vCenter the last event gets ever older, though nothing waits.
    this.values.lag.textContent = status.lag === null ? "–" : status.inFlight ? duration(status.lag * 1000) : "none";
    this.values.flight.textContent = count(status.inFlight);
    this.values.flight.title = status.inFlight ? `the oldest for ${duration(status.waiting * 1000)}` : "";
    const letters = status.counts["dead letter"] ?? 0;
    this.values.letters.textContent = count(letters);
    this.values.letters.classList.toggle("bad", letters > 0);
    for (const [name, check] of Object.entries(status.checks)) this.#check(name, check);
    for (const [name, pill] of this.#checks) pill.element.hidden = !(name in status.checks);
  }

  #check(name, { ok, why }) {
    if (!this.#checks.has(name)) {
      const word = el("span");
      const text = el("p");
      const element = el("details", { class: "pill" }, el("summary", {}, word), text);
      this.#checks.set(name, { element, word, text });
      this.checks.append(element);
    }
    const pill = this.#checks.get(name);
    pill.element.dataset.ok = ok;
    pill.word.textContent = `${name} ${ok ? "ok" : "failing"}`;
    pill.text.textContent = visible(why);
  }

  #note(rates) {
    for (const [begin, families] of Object.entries(rates)) this.#steps.set(Number(begin), families);
  }

  /** Of the last whole step. */
  #perSecond() {
    const last = Math.floor(Date.now() / 1000 / STEP) * STEP - STEP;
    const sum = Object.values(this.#steps.get(last) ?? {}).reduce((one, other) => one + other, 0);
    return sum / STEP >= 100 ? count(Math.round(sum / STEP)) : (sum / STEP).toFixed(1);
  }

  #draw() {
    const now = Math.floor(Date.now() / 1000 / STEP) * STEP;
    const begin = now - (STEPS - 1) * STEP;
    for (const step of this.#steps.keys()) if (step < begin) this.#steps.delete(step);
    const families = this.#families();
    const stacks = [...this.#steps].filter(([step]) => step <= now + STEP).map(([step, each]) => [Math.min(step, now), each]);
    const sums = stacks.map(([, each]) => Object.values(each).reduce((one, other) => one + other, 0));
    const highest = Math.max(STEP, ...sums);
    const bars = stacks.flatMap(([step, each]) => stack((step - begin) / STEP, each, families, highest));
    const line = svg("line", { class: "axis", x1: 0, x2: STEPS, y1: HEIGHT, y2: HEIGHT });
    const picture = svg("svg", { viewBox: `0 0 ${STEPS} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...bars, line);
    const peak = el("span", { class: "peak" }, `peak ${(highest / STEP).toFixed(1)}/s`);
    const legend = families.map((family, at) => el("li", {}, el("i", { class: `f${at}` }), visible(family)));
    this.figure.replaceChildren(picture, el("figcaption", {}, peak, el("ul", {}, legend)));
  }

  /** The families with the most events, and "other" where there are more of them. */
  #families() {
    const sums = new Map();
    for (const each of this.#steps.values()) {
      for (const [family, number] of Object.entries(each)) sums.set(family, (sums.get(family) ?? 0) + number);
    }
    const sorted = [...sums].sort((one, other) => other[1] - one[1]).map(([family]) => family);
    return sorted.length <= COLOURS ? sorted.sort() : [...sorted.slice(0, COLOURS - 1).sort(), "others"];
  }
}

function stack(x, counts, families, highest) {
  const heights = families.map(() => 0);
  for (const [family, number] of Object.entries(counts)) {
    const at = families.indexOf(family);
    heights[at < 0 ? families.length - 1 : at] += (number / highest) * HEIGHT;
  }
  let y = HEIGHT;
  return heights.map((height, at) => {
    y -= height;
    return svg("rect", { class: `f${at}`, x, y, width: 0.8, height });
  });
}
