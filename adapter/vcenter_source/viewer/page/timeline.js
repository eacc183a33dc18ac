// The timeline of an event: what the adapter saw of it.

import { bdi, el } from "./dom.js";
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
