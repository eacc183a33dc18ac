// The strip in the header: how many events came when. It is read by pointer or keyboard, and a brush chooses a time range.

import { BIN_COUNT, BIN_SECONDS } from "./bins.js";
import { el, svg, visible } from "./dom.js";
import { count, minute, range as formatRange } from "./format.js";

const HEIGHT = 40;
const TICK_SECONDS = 300;
const LAST_TICK_PERCENT = 88; // so that its time ends within the strip, also on a phone
const CLICK_PX = 4; // a shorter brush is a click on one bar

export class Strip {
  #range = null; // what is filtered
  #brush = null; // { anchor, at }: the bins of a brush that is being drawn
  #cursor = null; // the bin that is read
  #begin = 0;
  #families = [];

  /** `choose` is called with a time range ({ from, to } in milliseconds since 1970), or null for none. */
  constructor(figure, bins, choose) {
    Object.assign(this, { bins, choose });
    this.picture = svg("svg", { viewBox: `0 0 ${BIN_COUNT} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    this.selection = el("div", { class: "selection", hidden: true });
    this.line = el("div", { class: "cursor", hidden: true });
    this.plot = el("div", { class: "plot", id: "strip", role: "slider", tabindex: "0", "aria-label": "When events came; with Shift, the arrow keys choose a time range" }, this.picture, this.selection, this.line);
    this.ticks = el("div", { class: "ticks", "aria-hidden": "true" });
    this.tip = el("div", { class: "tip", hidden: true });
    this.peak = el("span", { class: "peak" });
    this.legend = el("ul");
    figure.replaceChildren(this.plot, this.ticks, this.tip, el("figcaption", {}, this.peak, this.legend));
    this.#listen();
  }

  set range(range) {
    this.#range = range;
    this.#drawSelection();
  }

  draw() {
    const { bins } = this;
    this.#begin = bins.begin;
    this.#families = bins.families();
    const highest = Math.max(bins.highest, BIN_SECONDS);
    this.picture.replaceChildren(...bins.filled().flatMap((bin) => this.#bars(bin, highest)),
      svg("line", { class: "axis", x1: 0, x2: BIN_COUNT, y1: HEIGHT, y2: HEIGHT }));
    this.peak.textContent = `peak ${(bins.highest / BIN_SECONDS).toFixed(1)}/s`;
    this.legend.replaceChildren(...this.#families.map((family, index) => el("li", {}, el("i", { class: `f${index}` }), visible(family))));
    this.#drawTicks();
    this.#drawSelection();
    this.#drawCursor();
  }

  /** The bars of one bin, one on top of the other. */
  #bars(bin, highest) {
    let y = HEIGHT;
    return this.bins.countsOf(bin, this.#families).map((number, index) => {
      const height = (number / highest) * HEIGHT;
      y -= height;
      return svg("rect", { class: `f${index}`, x: (bin - this.#begin) / BIN_SECONDS, y, width: 0.8, height });
    });
  }

  #drawTicks() {
    const first = Math.ceil(this.#begin / TICK_SECONDS) * TICK_SECONDS;
    const times = [0, 1, 2].map((each) => first + each * TICK_SECONDS).filter((time) => this.#percent(time) < LAST_TICK_PERCENT);
    this.ticks.replaceChildren(...times.map((time) => {
      const tick = el("span", {}, minute(time * 1000));
      tick.style.insetInlineStart = `${this.#percent(time)}%`;
      return tick;
    }));
  }

  #percent(time) {
    return Math.min(100, Math.max(0, ((time - this.#begin) / (BIN_COUNT * BIN_SECONDS)) * 100));
  }

  /** The time range of the brush, or the one that is filtered, in seconds. */
  get #shown() {
    if (this.#brush) return spanOf(this.#brush);
    if (!this.#range) return null;
    const { from, to } = this.#range;
    return { from: from === null ? this.#begin : from / 1000, to: to === null ? Date.now() / 1000 : to / 1000 };
  }

  #drawSelection() {
    const shown = this.#shown;
    const [from, to] = shown ? [this.#percent(shown.from), this.#percent(shown.to)] : [0, 0];
    this.selection.hidden = from === to;
    this.selection.style.insetInlineStart = `${from}%`;
    this.selection.style.width = `${to - from}%`;
  }

  #drawCursor() {
    const at = this.#cursor;
    this.line.hidden = this.tip.hidden = at === null;
    this.plot.setAttribute("aria-valuemin", this.#begin);
    this.plot.setAttribute("aria-valuemax", this.#begin + BIN_COUNT * BIN_SECONDS);
    this.plot.setAttribute("aria-valuenow", at ?? this.#begin + BIN_COUNT * BIN_SECONDS);
    this.plot.setAttribute("aria-valuetext", at === null ? "now" : this.#describe(at));
    if (at === null) return;
    const place = this.#percent(at + BIN_SECONDS / 2);
    this.line.style.insetInlineStart = `${place}%`;
    this.tip.style.insetInlineStart = `clamp(0px, calc(${place}% - 90px), calc(100% - 180px))`;
    const span = this.#brush ? spanOf(this.#brush) : { from: at, to: at + BIN_SECONDS };
    this.tip.replaceChildren(el("strong", {}, this.#describe(at)), el("ul", {}, this.#countsIn(span).map(([index, family, number]) =>
      el("li", {}, el("i", { class: `f${index}` }), visible(family), el("span", { class: "count" }, count(number))))));
  }

  #describe(at) {
    const span = this.#brush ? spanOf(this.#brush) : { from: at, to: at + BIN_SECONDS };
    const total = this.#countsIn(span).reduce((sum, [, , number]) => sum + number, 0);
    return `${formatRange({ from: span.from * 1000, to: span.to * 1000 })}: ${count(total)} event${total === 1 ? "" : "s"}`;
  }

  /** Index, name and count of each family that has events in a time span. */
  #countsIn({ from, to }) {
    const sums = this.#families.map((family, index) => [index, family, 0]);
    for (let bin = from; bin < to; bin += BIN_SECONDS) {
      this.bins.countsOf(bin, this.#families).forEach((number, index) => { sums[index][2] += number; });
    }
    return sums.filter(([, , number]) => number);
  }

  // --- pointer and keyboard ---

  #listen() {
    const { plot } = this;
    let startedAt = 0;
    plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      plot.setPointerCapture(event.pointerId);
      startedAt = event.clientX;
      this.#brush = { anchor: this.#binAt(event), at: this.#binAt(event) };
    });
    plot.addEventListener("pointermove", (event) => this.#read(this.#binAt(event)));
    plot.addEventListener("pointerup", (event) => {
      if (this.#brush && Math.abs(event.clientX - startedAt) < CLICK_PX) this.#brush.at = this.#brush.anchor;
      this.#finish();
    });
    const leave = () => {
      this.#brush = null;
      this.#read(null);
      this.#drawSelection();
    };
    plot.addEventListener("pointercancel", leave);
    plot.addEventListener("pointerleave", leave);
    plot.addEventListener("blur", leave);
    plot.addEventListener("keydown", (event) => this.#key(event));
  }

  /** The bin where the pointer is. */
  #binAt(event) {
    const box = this.plot.getBoundingClientRect();
    const index = Math.floor(((event.clientX - box.left) / box.width) * BIN_COUNT);
    return this.#begin + Math.min(Math.max(index, 0), BIN_COUNT - 1) * BIN_SECONDS;
  }

  #read(bin) {
    this.#cursor = bin;
    if (this.#brush && bin !== null) this.#brush.at = bin;
    this.#drawSelection();
    this.#drawCursor();
  }

  /** Choose what is brushed. */
  #finish() {
    if (!this.#brush) return;
    const { from, to } = spanOf(this.#brush);
    this.#brush = null;
    this.choose({ from: from * 1000, to: to * 1000 });
    this.#drawCursor();
  }

  #key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -6, PageDown: 6 }[event.key];
    if (by) {
      const last = this.#begin + (BIN_COUNT - 1) * BIN_SECONDS;
      const from = this.#cursor ?? last + (by < 0 ? BIN_SECONDS : 0);
      if (event.shiftKey) this.#brush ??= { anchor: this.#cursor ?? last, at: from };
      else this.#brush = null;
      this.#read(Math.min(Math.max(from + by * BIN_SECONDS, this.#begin), last));
    } else if (event.key === "Enter" || event.key === " ") {
      if (this.#cursor !== null) this.#brush ??= { anchor: this.#cursor, at: this.#cursor };
      this.#finish();
    } else if (event.key === "Escape") {
      this.#brush = null;
      this.choose(null);
      this.#read(null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** From when to when a brush is, with the bins at both ends. */
const spanOf = ({ anchor, at }) => ({ from: Math.min(anchor, at), to: Math.max(anchor, at) + BIN_SECONDS });
