// The timeline of an event: what the adapter saw of it, and its trace as a waterfall.

import { bdi, el, visible } from "./dom.js";
import { duration, fullTime, time } from "./format.js";

const ENDS = {
  delivered: "the sink acknowledged it",
  "dead letter": "the sink refused it for good; it is a dead letter now",
  interrupted: "its delivery was interrupted",
  removed: "it is no dead letter any more: it was sent again or discarded elsewhere",
};

/** The steps from the event's creation to its end, each with the time since the step before. */
export function steps(event) {
  const created = new Date(event.event.time).getTime();
  const list = [[created, "created, by vCenter's clock", ""], [event.accepted * 1000, "read and accepted for delivery", ""]];
  const earlier = event.tries - event.failures.length;
  if (earlier > 0) list.push([null, `${earlier} earlier tries failed`, ""]);
  for (const [when, why] of event.failures) list.push([when * 1000, "a try failed", why]);
  if (event.ended) list.push([event.ended * 1000, event.viewed ? "shown here; nothing is sent" : ENDS[event.state], ""]);
  let before = null;
  return el("ol", { class: "steps" }, list.map(([when, what, why]) => {
    const since = when !== null && before !== null ? when - before : null;
    before = when ?? before;
    return el("li", {},
      el("span", { class: "since" }, since === null ? (when === null ? "" : time(when)) : since < 0 ? "clocks differ" : `+ ${duration(since)}`),
      el("span", { title: when === null ? "" : fullTime(new Date(when)) }, what),
      why ? el("p", { class: "why" }, bdi(why)) : null);
  }));
}

const MS = 1e6;

/** Spans as bars, each below its parent. */
export function waterfall(spans) {
  const start = spans.reduce((least, span) => (BigInt(span.start) < least ? BigInt(span.start) : least), BigInt(spans[0].start));
  const placed = tree(spans).map(([depth, span]) => ({
    depth,
    span,
    from: Number(BigInt(span.start) - start) / MS,
    takes: Number(BigInt(span.end) - BigInt(span.start)) / MS,
  }));
  const whole = Math.max(...placed.map(({ from, takes }) => from + takes), 0.001);
  const services = [...new Set(spans.map((span) => span.service))];
  return el("div", { class: "waterfall" },
    el("p", { class: "quiet" }, `${spans.length} spans of ${services.length} ${services.length === 1 ? "process" : "processes"}, ${duration(whole)}`),
    placed.map((each) => line(each, whole, services)));
}

function line({ depth, span, from, takes }, whole, services) {
  const bar = el("span", { class: `bar f${services.indexOf(span.service) % 6}` });
  bar.style.marginInlineStart = `${(from / whole) * 100}%`;
  bar.style.width = `${Math.max((takes / whole) * 100, 0.4)}%`;
  const label = el("span", { class: "label", title: visible(labelOf(span)) }, visible(labelOf(span)).replace("com.vmware.event.", ""));
  label.style.paddingInlineStart = `${depth * 0.75}rem`;
  return el("details", { class: span.failed ? "span failed" : "span" },
    el("summary", {}, label, el("span", { class: "service" }, visible(span.service)),
      el("span", { class: "track", "aria-hidden": "true" }, bar), el("span", { class: "takes" }, duration(takes))),
    el("dl", { class: "facts" }, Object.entries(span.attributes).map(([name, value]) =>
      el("div", {}, el("dt", {}, visible(name)), el("dd", {}, bdi(String(value)))))));
}

/** The name of a span; for an HTTP request, whose name is its method, also the path. */
function labelOf(span) {
  const url = span.attributes["url.full"];
  if (!url || !URL.canParse(url)) return span.name;
  return `${span.name} ${new URL(url).pathname}`;
}

/** Each span with its depth, parents first; a span whose parent is unknown is a root. */
function tree(spans) {
  const known = new Set(spans.map((span) => span.id));
  const below = Map.groupBy
    ? Map.groupBy(spans, (span) => (known.has(span.parent) ? span.parent : ""))
    : spans.reduce((map, span) => {
      const parent = known.has(span.parent) ? span.parent : "";
      return map.set(parent, [...(map.get(parent) ?? []), span]);
    }, new Map());
  const walk = (id, depth) => (below.get(id) ?? []).flatMap((span) => [[depth, span], ...walk(span.id, depth + 1)]);
  return walk("", 0);
}
