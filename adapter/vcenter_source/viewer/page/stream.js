// The server's event stream, and requests to its API.

/** Send a request and return its JSON answer; for the rest see `send`. */
export const request = async (path, body) => (await send(path, body)).json();

/** Send a request and return the response. Throws an Error with the reason; `status` is 0 without an answer. */
export async function send(path, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw Object.assign(new Error("no answer"), { status: 0 });
  }
  if (response.ok) return response;
  const text = await response.text();
  throw Object.assign(new Error(reason(text) || response.statusText), { status: response.status });
}

function reason(text) {
  try {
    return JSON.parse(text).error ?? text;
  } catch {
    return text;
  }
}

const SILENCE_MS = 5000; // the server says something every second
const REOPEN_MS = 30000;

/** Listen for as long as the page is open. The browser resumes by itself after a lost connection (Last-Event-ID). */
export class Stream {
  #source = null;
  #heard = 0; // when the server last said something, in milliseconds

  constructor({ about, events, status, connected, lost, refused }) {
    this.on = { about, events, status, connected, lost, refused };
    setInterval(() => this.#watch(), 1000);
  }

  open() {
    this.#source?.close();
    const source = new EventSource("/api/stream");
    this.#source = source;
    this.#heard = performance.now();
    for (const kind of ["about", "events", "status"]) {
      source.addEventListener(kind, (message) => {
        this.#hear();
        this.on[kind](JSON.parse(message.data));
      });
    }
    source.addEventListener("open", () => this.on.connected());
    source.addEventListener("error", () => this.#handleError(source));
  }

  #hear() {
    if (performance.now() - this.#heard > SILENCE_MS) this.on.connected();
    this.#heard = performance.now();
  }

  /** A cut cable or a process that hangs makes no error, only silence. */
  #watch() {
    const silent = performance.now() - this.#heard;
    if (this.#source?.readyState !== EventSource.OPEN || silent < SILENCE_MS) return;
    this.on.lost();
    if (silent > REOPEN_MS) this.open();
  }

  async #handleError(source) {
    this.on.lost();
    if (source.readyState !== EventSource.CLOSED) return;
    // The browser has given up, since the answer was not a stream.
    const status = await request("/api/events/0").then(() => 200, (error) => error.status);
    if (status === 401) this.on.refused();
    else setTimeout(() => { if (this.#source === source) this.open(); }, 2000);
  }
}
