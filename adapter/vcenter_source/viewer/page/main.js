// The page: events come from the server into the store, and from there into the list, the filters and the header.

import { Address } from "./address.js";
import { Chips } from "./chips.js";
import { $, visible } from "./dom.js";
import { count } from "./format.js";
import { DataValues } from "./data_values.js";
import { makeDivider } from "./divider.js";
import { EventPane } from "./event.js";
import { fetchLines, formatCsv, save } from "./export.js";
import { Facets } from "./facets.js";
import { showKeys } from "./keys.js";
import { List } from "./list.js";
import { Store } from "./store.js";
import { askToSendLetters } from "./replay.js";
import { signIn } from "./sign_in.js";
import { Stream } from "./stream.js";
import { Header } from "./header.js";
import { makeTimeMenu } from "./time_menu.js";

const FACETS_MS = 400; // how often the filters are counted while events come

const store = new Store();
const header = new Header({ figure: $("rates"), numbers: $("numbers"), checks: $("checks"), showLetters, chooseRange });
let about = { sink: null, traceUrl: null, source: "", hasLetters: false };
let letters = 0; // how many dead letters there are

/** The label of a state: where nothing is sent, an event is not delivered, but read. */
const words = (state) => (about.sink === null && state === "delivered" ? "read" : state);

const list = new List($("grid"), $("heads"), $("rows"), { open, words, pick });
const pane = new EventPane($("event"), { closed, changed: writeAddress, words, about: () => about, rowOf: (n) => store.get(n), pick, filters: store.filters, filter: () => refresh(true) });
const facets = new Facets($("facets"), store, { changed: filter, words });
const chips = new Chips($("chips"), store.filters, { changed: filter, labelOf: (facet, value) => facets.labelOf(facet, value) });
const values = new DataValues(store, () => refresh(true));
const address = new Address(apply);

// --- what the address has ---

let shownKey = null; // of the event that is open
let wantedKey = null; // of one that the address names, until it comes

function writeAddress(how) {
  const { search, chosen, excluded, range } = store.filters;
  address.write({ search, chosen, excluded, range, event: wantedKey ?? shownKey, tab: pane.tab }, how);
}

/** Show what an address says. */
function apply(view) {
  store.filters.set(view);
  $("search").value = view.search;
  pane.tab = view.tab;
  if (view.event === null) {
    wantedKey = null;
    pane.close();
  } else if (view.event !== shownKey) {
    wantedKey = view.event;
    openWanted();
  }
  values.fetch();
  refresh(true);
}

function openWanted() {
  const row = wantedKey === null ? null : store.find(wantedKey);
  if (!row) return;
  refresh(true);
  list.select(row);
  open(row);
}

function open(row, how) {
  wantedKey = null;
  shownKey = row.key;
  pane.open(row.n, how);
  writeAddress();
}

function closed() {
  wantedKey = null;
  shownKey = null;
  list.select(null);
  $("grid").focus();
  writeAddress();
}

// --- what is filtered ---

function filter(how) {
  writeAddress(how);
  values.fetch();
  refresh(true);
}

function chooseRange(range) {
  store.filters.range = range;
  filter();
}

function pick(facet, value, how) {
  store.filters.choose(facet, value, how);
  filter();
}

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
  $("clear").hidden = !store.filters.isActive;
  chips.show();
  header.strip.range = store.filters.range;
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
  store.filters.clear();
  $("search").value = "";
  store.filters.choose("state", "dead letter", "only");
  filter();
}

/** The letters that are shown, where the filter asks for them; null for all that there are. */
function chosenLetters(rows) {
  const numbers = rows.filter((row) => row.state === "dead letter").map((row) => row.n);
  return store.filters.isOnly("state", "dead letter") ? { numbers: null, many: letters } : { numbers, many: numbers.length };
}

function drawSendLetters(rows) {
  const isOffered = about.hasLetters && about.sink !== null && store.filters.chosen.state.has("dead letter");
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
      values.reset();
      pause(false);
      wantedKey ??= shownKey; // it has another number now
    }
    about = server;
    $("source").textContent = `${visible(server.source)} → ${server.sink === null ? "nothing is sent" : visible(server.sink)}`;
    header.reset(server);
    refresh(true);
  },
  events(message) {
    store.add(message);
    values.fetch();
    if (wantedKey !== null) openWanted();
    else if (message.events.some(({ n }) => n === pane.n)) pane.refresh();
    refresh();
  },
  status(status) {
    header.update(status); // by now the events that there were have come
    if (wantedKey !== null && pane.n !== -1) pane.miss();
    if (status.letters === letters) return;
    letters = status.letters;
    refresh();
  },
  connected: () => notice(""),
  lost() {
    header.lose();
    notice("The connection to the adapter is lost; reconnecting.");
  },
  refused() {
    notice("");
    signIn(() => stream.open());
  },
});

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

// --- what people do ---

function pause(paused) {
  store.pause(paused);
  $("pause").setAttribute("aria-pressed", paused);
  document.body.classList.toggle("paused", paused);
  refresh(true);
}

$("pause").addEventListener("click", () => pause(!store.paused));
$("search").addEventListener("input", () => {
  store.filters.search = $("search").value;
  filter({ typing: true });
});
$("clear").addEventListener("click", () => {
  store.filters.clear();
  $("search").value = "";
  $("search").focus();
  filter();
});
$("toggle-facets").addEventListener("click", () => {
  const open = document.body.classList.toggle("with-facets");
  $("toggle-facets").setAttribute("aria-expanded", open);
});
$("export-lines").addEventListener("click", async () => {
  $("export").open = false;
  const rows = store.shown();
  await fetchLines(rows).then((parts) => save(parts, "application/x-ndjson", "jsonl"), (error) => notice(`The events cannot be exported: ${error.message}`));
});
$("export-csv").addEventListener("click", () => {
  $("export").open = false;
  save([formatCsv(store.shown())], "text/csv", "csv");
});
$("keys").addEventListener("click", showKeys);
makeTimeMenu($("time"), { choose: chooseRange, current: () => store.filters.range });
makeDivider($("divider"), document.querySelector("main"));
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, dialog");
  if (typing || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "/") { event.preventDefault(); $("search").focus(); }
  if (event.key === "?") showKeys();
  if (event.key === "p") pause(!store.paused);
  if (event.key === "Escape" && !closeOpenMenu()) pane.close();
});
document.addEventListener("click", (event) => closeOpenMenu(event.target));

/** Close a menu or a check that is open and covers what is below it, but not the one that has this element. */
function closeOpenMenu(but = null) {
  const open = [...document.querySelectorAll(".pill[open], .menu[open]")].filter((each) => !each.contains(but));
  for (const each of open) each.open = false;
  return open.length > 0;
}

apply(address.view);
stream.open();
