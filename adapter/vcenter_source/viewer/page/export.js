// The events that are shown, as a file: whole CloudEvents in JSON lines, or the list's columns as CSV.

import { send } from "./stream.js";

const PER_REQUEST = 10000;
const COLUMNS = ["time", "severity", "state", "vcenter", "object", "name", "type", "family", "user", "message", "id", "tries", "reason"];

/** Rows as CSV (RFC 4180). */
export const formatCsv = (rows) => [COLUMNS, ...rows.map((row) => COLUMNS.map((name) => row[name]))]
  .map((cells) => `${cells.map(formatCell).join(",")}\r\n`).join("");

/** A cell; a spreadsheet would run one that begins like a formula, so it gets an apostrophe. */
function formatCell(value) {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The CloudEvents of rows as JSON lines, from the server. Throws an Error with the reason. */
export async function fetchLines(rows) {
  const parts = [];
  for (let at = 0; at < rows.length; at += PER_REQUEST) {
    const numbers = rows.slice(at, at + PER_REQUEST).map((row) => row.n);
    parts.push(await (await send("/api/export", { numbers })).blob());
  }
  return parts;
}

/** Let the browser save a file. */
export function save(parts, type, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type }));
  link.download = `vcenter-events-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
