// What a span is called: where it is a request, by its method and the end of its path, which is where paths differ.

const REQUEST = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)(?:\s+(\S+))?$/;
const PATH_LENGTH = 18; // characters of the end of a path that is shown
const SEGMENT_LENGTH = 22;

/** The short name of a span for the waterfall, and the full one. */
export function nameSpan(span) {
  const [, method, route] = REQUEST.exec(span.name) ?? [];
  if (!method) return { short: span.name.replace("com.vmware.event.", ""), full: span.name };
  const path = pathOf(span.attributes) ?? route ?? "";
  return { short: `${method} ${shorten(path)}`.trim(), full: `${method} ${path}`.trim() };
}

/** The path and the query of a request. */
function pathOf(attributes) {
  const url = attributes["url.full"];
  if (url && URL.canParse(url)) return new URL(url).pathname + new URL(url).search;
  const path = attributes["url.path"];
  return path ? path + (attributes["url.query"] ? `?${attributes["url.query"]}` : "") : null;
}

/** The end of a path, with at least its last segment, and what is before an id. */
function shorten(path) {
  const [before, query] = path.split(/(?=\?)/, 2);
  const segments = before.split("/").map(fold);
  let end = segments.pop();
  while (segments.length && (end.startsWith("…") || `${segments.at(-1)}/${end}`.length <= PATH_LENGTH)) end = `${segments.pop()}/${end}`;
  return (segments.length ? "…/" : "") + end + (query ?? "");
}

/** The end of a segment that is long, as ids are. */
const fold = (segment) => (segment.length <= SEGMENT_LENGTH ? segment : `…${segment.slice(-6)}`);
