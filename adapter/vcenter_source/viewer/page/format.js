// Numbers, times and names for people.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const whole = new Intl.NumberFormat("en");

export const count = (number) => whole.format(number);

/** The time of day; for another day also the date. */
export function time(when) {
  const date = new Date(when);
  if (Number.isNaN(date.getTime())) return String(when);
  return date.toDateString() === new Date().toDateString() ? clock.format(date) : dayAndClock.format(date);
}

const hourAndMinute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** The time of day to the minute. */
export const minute = (when) => hourAndMinute.format(new Date(when));

/** From when to when, as the times of day; with the dates where it is not today. */
export function range({ from, to }) {
  if (from === null || to === null) return from === null ? `until ${time(to)}` : `since ${time(from)}`;
  return `${time(from)} – ${time(to)}`;
}

/** A full time, in the reader's time zone. */
export function fullTime(date) {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, -1).replace("T", " ");
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? "-" : "+";
  const two = (number) => String(Math.floor(Math.abs(number))).padStart(2, "0");
  return `${local} ${sign}${two(offset / 60)}:${two(offset % 60)}`;
}

/** A type without the prefix that all types have. */
export const shortType = (type) => type.replace(/^com\.vmware\.(event|vsphere)\./, "");

/** A user without the domain: EXAMPLE\\mira and mira@example.com are mira. */
export const shortUser = (user) => user.slice(user.lastIndexOf("\\") + 1).replace(/(?<=.)@.*$/, "");

// Each limit is where the number, once rounded, would need the next unit: 59.96 s is 1 min, not 60.0 s.

/** Milliseconds: 0.42 ms, 13.5 ms, 1.21 s, 4 min 10 s, 2 h 5 min, 3 d 4 h. */
export function duration(ms) {
  if (ms < 0.995) return `${ms.toFixed(2)} ms`;
  if (ms < 999.5) return `${ms.toFixed(ms < 99.95 ? 1 : 0)} ms`;
  if (ms < 59950) return `${(ms / 1000).toFixed(ms < 9995 ? 2 : 1)} s`;
  if (ms < 3599500) return pair(Math.round(ms / 1000), 60, "min", "s");
  if (ms < 86370000) return pair(Math.round(ms / 60000), 60, "h", "min");
  return pair(Math.round(ms / 3600000), 24, "d", "h");
}

/** A whole number of the small unit in two units; the small one is left out where it is 0. */
function pair(number, per, large, small) {
  const rest = number % per;
  return `${Math.floor(number / per)} ${large}${rest ? ` ${rest} ${small}` : ""}`;
}

/** Bytes: 812 B, 3.1 kB, 1.5 MB. */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 999950) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
