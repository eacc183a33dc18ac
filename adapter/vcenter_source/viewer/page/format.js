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

/** Milliseconds: 0.42 ms, 13.5 ms, 1.21 s, 4 min 10 s. */
export function duration(ms) {
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${ms.toFixed(ms < 100 ? 1 : 0)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;
  if (ms < 3600000) return `${Math.floor(ms / 60000)} min ${Math.round((ms % 60000) / 1000)} s`;
  return `${Math.floor(ms / 3600000)} h ${Math.round((ms % 3600000) / 60000)} min`;
}

/** Bytes: 812 B, 3.1 kB. */
export const size = (bytes) => (bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} kB`);
