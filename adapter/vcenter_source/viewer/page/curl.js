// An event as a command for a shell that sends it.

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** A curl command that sends an event in binary mode to an address; to $K_SINK for none that curl knows. */
export function formatCurl(address, headers, body) {
  const target = /^https?:/.test(address ?? "") ? quote(address) : '"$K_SINK"';
  return [
    `curl -i ${target}`,
    ...Object.entries(headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`),
    `--data-raw ${quote(body)}`,
  ].join(" \\\n  ");
}
