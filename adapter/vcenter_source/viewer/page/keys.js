// The keys of the page, in a dialog.

import { $, el } from "./dom.js";

const KEYS = [
  ["/", "search"],
  ["p", "pause, resume"],
  ["?", "these keys"],
  ["j  k  ↓  ↑", "next and previous event"],
  ["Page Up  Page Down  Home  End", "further in the list"],
  ["Enter", "open the event"],
  ["Escape", "close it"],
  ["←  →", "in an open event: its tabs; on the strip: its bars; on the edge of the event: its width"],
  ["Shift ←  Shift →  Enter", "on the strip: choose a time range; Escape ends it"],
];

/** Show the keys. */
export function showKeys() {
  const dialog = $("ask");
  dialog.replaceChildren(
    el("h2", { id: "ask-title" }, "Keys"),
    el("dl", { class: "keys" }, KEYS.map(([keys, what]) => el("div", {},
      el("dt", {}, keys.split("  ").map((key) => el("kbd", {}, key))), el("dd", {}, what)))),
    el("div", { class: "buttons" }, el("button", { type: "button", class: "main", onclick: () => dialog.close() }, "Close")));
  dialog.showModal();
}
