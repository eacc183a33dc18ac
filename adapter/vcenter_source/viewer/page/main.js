// The page: events come from the server into the store, and from there into the list, the filters and the header.

import { $, el, visible } from "./dom.js";
import { count } from "./format.js";
import { EventPane } from "./event.js";
import { Facets } from "./facets.js";
import { List } from "./list.js";
import { Store } from "./store.js";
import { askToSendLetters } from "./replay.js";
import { request, Stream } from "./stream.js";
import { Header } from "./header.js";

const FACETS_MS = 400; // how often the filters are counted while events come

const store = new Store();
const header = new Header({ figure: $("rates"), numbers: $("numbers"), checks: $("checks"), showLetters });
let about = { sink: null, traceUrl: null, source: "", hasLetters: false };
let letters = 0; // how many dead letters there are

/** The label of a state: where nothing is sent, an event is not delivered, but read. */
const words = (state) => (about.sink === null && state === "delivered" ? "read" : state);

const list = new List($("grid"), $("heads"), $("rows"), { open: (row, how) => pane.open(row.n, how), words });
const pane = new EventPane($("event"), { closed: () => { list.select(null); $("grid").focus(); }, words, about: () => about });
const facets = new Facets($("facets"), store, { changed: () => refresh(true), words });

// --- drawing, at most once a frame ---

let drawing = false;
let counted = 0;

function refresh(now = false) {
  if (now) counted = 0;
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(draw);
}

function draw() {
  drawing = false;
  const rows = store.shown();
  list.show(rows);
  $("shown").textContent = rows.length === store.size ? `${count(rows.length)} event${rows.length === 1 ? "" : "s"}` : `${count(rows.length)} of ${count(store.size)}`;
  $("clear").hidden = !store.isFiltered;
  drawSendLetters(rows);
  $("empty").hidden = rows.length > 0;
  $("empty").textContent = store.size ? "No event matches." : "No events yet; they appear here as they happen.";
  const waiting = store.waiting;
  $("pause").textContent = store.paused ? `Resume${waiting ? `, ${count(waiting)} new` : ""}` : "Pause";
  if (performance.now() - counted > FACETS_MS) {
    counted = performance.now();
    facets.show(store.counts());
  } else {
    clearTimeout(later);
    later = setTimeout(refresh, FACETS_MS);
  }
}

let later;

// --- dead letters ---

function showLetters() {
  store.clear();
  $("search").value = "";
  store.chosen.state.add("dead letter");
  refresh(true);
}

/** The letters that are shown, where the filter asks for them; null for all that there are. */
function chosenLetters(rows) {
  const { state, ...others } = store.chosen;
  const isAll = state.size === 1 && !store.words.length && Object.values(others).every((values) => !values.size);
  const numbers = rows.filter((row) => row.state === "dead letter").map((row) => row.n);
  return isAll ? { numbers: null, many: letters } : { numbers, many: numbers.length };
}

function drawSendLetters(rows) {
  const isOffered = about.hasLetters && about.sink !== null && store.chosen.state.has("dead letter");
  const { numbers, many } = isOffered ? chosenLetters(rows) : { numbers: [], many: 0 };
  $("send-letters").hidden = !many;
  $("send-letters").textContent = `Send ${count(many)} again…`;
  $("send-letters").onclick = () => askToSendLetters(numbers, many, about.sink);
}

// --- what comes from the server ---

const stream = new Stream({
  about(server) {
    if (server.fresh) {
      store.reset();
      pause(false);
    }
    about = server;
    $("source").textContent = `${visible(server.source)} → ${server.sink === null ? "nothing is sent" : visible(server.sink)}`;
    header.reset(server);
    refresh(true);
  },
  events(message) {
    store.add(message);
    if (message.events.some(({ n }) => n === pane.n)) pane.refresh();
    refresh();
  },
  status(status) {
    header.update(status);
    if (status.letters === letters) return;
    letters = status.letters;
    refresh();
  },
  connected: () => notice(""),
  lost() {
    header.lose();
    notice("The connection to the adapter is lost; reconnecting.");
  },
  refused: signIn,
});

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

/** Ask for the token, or read it from the address (…/#token=…), which other pages and logs never see. */
async function signIn() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    history.replaceState(null, "", location.pathname);
    if (await request("/api/session", { token }).then(() => true, () => false)) return stream.open();
  }
  const dialog = $("ask");
  const wrong = el("p", { role: "alert" });
  const input = el("input", { id: "token", type: "password", autocomplete: "current-password", required: true });
  const form = el("form", { method: "dialog", onsubmit: async (event) => {
    event.preventDefault();
    try {
      await request("/api/session", { token: input.value });
      dialog.close();
      stream.open();
    } catch (error) {
      wrong.textContent = error.message;
    }
  } }, el("h2", { id: "ask-title" }, "This viewer requires a token"), el("p", {}, "Enter the value of VIEWER_TOKEN."),
  el("label", { for: "token" }, "Token"), input, wrong, el("div", { class: "buttons" }, el("button", { class: "main" }, "Sign in")));
  dialog.replaceChildren(form);
  notice("");
  dialog.showModal();
}

// --- what people do ---

function pause(paused) {
  store.pause(paused);
  $("pause").setAttribute("aria-pressed", paused);
  document.body.classList.toggle("paused", paused);
  refresh(true);
}

$("pause").addEventListener("click", () => pause(!store.paused));
$("search").addEventListener("input", () => { store.search($("search").value); refresh(true); });
$("clear").addEventListener("click", () => {
  store.clear();
  $("search").value = "";
  $("search").focus();
  refresh(true);
});
$("toggle-facets").addEventListener("click", () => {
  const open = document.body.classList.toggle("with-facets");
  $("toggle-facets").setAttribute("aria-expanded", open);
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, dialog");
  if (typing || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "/") { event.preventDefault(); $("search").focus(); }
  if (event.key === "p") pause(!store.paused);
  if (event.key === "Escape") pane.close();
});
document.addEventListener("click", (event) => {
  // An open check covers what is below it, so a click elsewhere closes it.
  for (const open of document.querySelectorAll(".pill[open]")) if (!open.contains(event.target)) open.open = false;
});

refresh(true);
stream.open();
