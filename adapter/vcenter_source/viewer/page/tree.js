// An event's data as a tree that can be folded.

import { bdi, el, visible } from "./dom.js";

const OPEN_DEPTH = 2;
const MAX_ENTRIES = 500;

/** A JSON value under its name. `offer` returns what is beside a single value: it gets the path to it, and the value. */
export function tree(name, value, offer, path = []) {
  if (value === null || typeof value !== "object") return el("div", { class: "leaf" }, key(name), leaf(value), offer(path, value));
  const entries = Object.entries(value).filter(([each]) => each !== "_typeName");
  const type = Array.isArray(value) ? `${entries.length} values` : isReference(value) ? "" : value._typeName ?? "";
  const summary = el("summary", {}, key(name), el("span", { class: "type" }, visible(String(type))), hint(value));
  const rest = entries.length > MAX_ENTRIES ? el("p", { class: "type" }, `${entries.length - MAX_ENTRIES} more: see the CloudEvent`) : null;
  return el("details", { open: path.length < OPEN_DEPTH && !isReference(value) }, summary,
    el("div", { class: "branch" }, entries.slice(0, MAX_ENTRIES).map(([each, inner]) => tree(each, inner, offer, [...path, each])), rest));
}

const key = (name) => el("span", { class: "key" }, visible(String(name)));
const isReference = (value) => typeof value.type === "string" && typeof value.value === "string";

function leaf(value) {
  const kind = value === null ? "null" : typeof value;
  return kind === "string" ? bdi(value, { class: "string" }) : el("span", { class: kind }, String(value));
}

/** A few words on a folded value. */
function hint(value) {
  if (isReference(value)) return el("span", { class: "hint" }, visible(`${value.type}:${value.value}`));
  return typeof value.name === "string" ? el("span", { class: "hint" }, bdi(value.name)) : null;
}
