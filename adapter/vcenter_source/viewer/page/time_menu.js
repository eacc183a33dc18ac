// The menu of the time range: the last minutes, or from when to when. The strip reaches back a quarter of an hour only.

import { el } from "./dom.js";

const MINUTE = 60000;
const PRESETS = [[5, "Last 5 minutes"], [15, "Last 15 minutes"], [60, "Last hour"]];

/** What an input of date and time has for milliseconds since 1970, in the reader's time zone; empty for null. */
function toInput(time) {
  if (time === null) return "";
  return new Date(time - new Date(time).getTimezoneOffset() * MINUTE).toISOString().slice(0, 19);
}

const fromInput = (text) => (text ? new Date(text).getTime() : null);

/** Fill a menu; `choose` is called with a range, whose ends may be null, or with null. `current` returns the one that holds. */
export function makeTimeMenu(menu, { choose, current }) {
  const input = (id) => el("input", { id, type: "datetime-local", step: "1", onchange: () => {
    const range = { from: fromInput(from.value), to: fromInput(to.value) };
    const isOrdered = range.from === null || range.to === null || range.from < range.to;
    to.setCustomValidity(isOrdered ? "" : "The end must be after the beginning.");
    if (!to.reportValidity()) return;
    choose(range.from === null && range.to === null ? null : range);
  } });
  const [from, to] = [input("time-from"), input("time-to")];
  const button = (title, range) => el("button", { type: "button", onclick: () => {
    menu.open = false;
    choose(range());
  } }, title);
  menu.addEventListener("toggle", () => {
    from.value = toInput(current()?.from ?? null);
    to.value = toInput(current()?.to ?? null);
    to.setCustomValidity("");
  });
  menu.append(el("div", {},
    PRESETS.map(([minutes, title]) => button(title, () => ({ from: Date.now() - minutes * MINUTE, to: null }))),
    button("Any time", () => null),
    el("div", { class: "span" }, el("label", { for: "time-from" }, "From"), from, el("label", { for: "time-to" }, "To"), to)));
}
