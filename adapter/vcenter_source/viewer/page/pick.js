// A click on a value shows only the events that have it, or only those that have not.

import { el } from "./dom.js";

const TITLES = { only: "Only", not: "Without" };

/** Two buttons for a value. `choose` is called with "only" or "not"; the sign of each is in the style sheet. */
export function pickButtons(label, choose, properties = {}) {
  const button = (how) => el("button", {
    type: "button", class: how, title: `${TITLES[how]} ${label}`, ...properties, onclick: (event) => {
      event.stopPropagation();
      choose(how);
    },
  });
  return el("span", { class: "pick" }, button("only"), button("not"));
}
