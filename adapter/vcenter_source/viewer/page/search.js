// What is written in the search: words, "phrases", -word for what must not be there, field:value, and * for any text.

/** What each field of a search looks at, in a row of the list. A type is found with and without its prefix. */
const FIELDS = {
  message: (row) => [row.message],
  type: (row) => [row.type, row.type.replace(/^com\.vmware\.(event|vsphere)\./, "")],
  family: (row) => [row.family],
  object: (row) => [row.name, row.object],
  user: (row) => [row.user],
  vcenter: (row) => [row.vcenter],
  state: (row) => [row.state],
  severity: (row) => [row.severity],
  reason: (row) => [row.reason],
  id: (row) => [row.id],
};

const FIELD_NAMES = Object.keys(FIELDS);

const TERM = new RegExp(`(-?)(?:(${FIELD_NAMES.join("|")}):)?(?:"((?:[^"\\\\]|\\\\.)*)(?:"|$)|(\\S*))`, "giy");

/** The terms of a search. One that is still being written (`-`, `type:`, `"`) is left out. */
export function parseSearch(text) {
  const terms = [];
  TERM.lastIndex = 0;
  while (TERM.lastIndex < text.length) {
    if (/\s/.test(text[TERM.lastIndex])) {
      TERM.lastIndex += 1;
      continue;
    }
    const [, minus, field, phrase, word] = TERM.exec(text);
    const value = (phrase?.replace(/\\(["\\])/g, "$1") ?? word).toLowerCase();
    if (value) terms.push({ wanted: !minus, field: field?.toLowerCase() ?? null, value, pattern: globOf(value, phrase) });
  }
  return terms;
}

/** A pattern for the whole value, where a word has a `*`; null for one that may be anywhere. */
function globOf(value, phrase) {
  if (phrase !== undefined || !value.includes("*")) return null;
  const parts = value.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("[^]*")}$`);
}

/** Whether a row, with all its text in `hay` in lower case, meets all terms. */
export const matchesAll = (terms, row) => terms.every((term) => matchesTerm(term, row) === term.wanted);

function matchesTerm({ field, value, pattern }, row) {
  if (field === null && !pattern) return row.hay.includes(value);
  const values = field === null ? Object.values(FIELDS).flatMap((read) => read(row)) : FIELDS[field](row);
  return values.some((each) => (pattern ? pattern.test(each.toLowerCase()) : each.toLowerCase().includes(value)));
}
