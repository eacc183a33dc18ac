// The list. Only the rows in sight are elements, so it stays smooth however long it is.

import { bdi, el, visible } from "./dom.js";
import { count, shortType, shortUser, time } from "./format.js";
import { pickButtons } from "./pick.js";

const COLUMNS = [
  ["time", "Time"], ["severity", "Severity"], ["state", "State"], ["object", "Object"], ["type", "Type"],
  ["user", "User"], ["message", "Message"],
];
const FACET_OF_COLUMN = { severity: "severity", state: "state", object: "place", type: "type", user: "user" };
const OVERSCAN = 6;
const REST_MS = 250; // how long the pointer rests before buttons appear: a click on the row must not hit one

export class List {
  #rows = [];
  #slots = [];
  #rowHeight = 28;
  #height = 0;
  #resting = 0; // a timer
  #selected = null; // a row, so that it stays selected while others come

  /** `pick` is called to filter by a value, or to exclude it: with its facet, the value, and "only" or "not". */
  constructor(grid, heads, body, { open, words, pick }) {
    Object.assign(this, { grid, body, open, words, pick });
    heads.append(el("div", { role: "row", "aria-rowindex": "1", class: "head" }, COLUMNS.map(([name, title]) =>
      el("span", { role: "columnheader", class: name }, title))));
    grid.addEventListener("scroll", () => this.draw(), { passive: true });
    grid.addEventListener("keydown", (event) => this.#key(event));
    body.addEventListener("click", (event) => this.#click(event));
    body.addEventListener("pointerover", (event) => {
      clearTimeout(this.#resting);
      this.#resting = setTimeout(() => this.#offer(event.target), REST_MS);
    });
    new ResizeObserver(() => this.#measure()).observe(grid);
    this.#measure();
  }

  /** The height of a row and of the list may have changed: the selected row stays in sight. */
  #measure() {
    const isSeen = this.#isInSight(this.#selected, this.#height);
    this.#rowHeight = parseFloat(getComputedStyle(this.grid).getPropertyValue("--row")) || 28;
    this.#height = this.grid.clientHeight;
    this.body.style.height = `${this.#rows.length * this.#rowHeight}px`;
    if (isSeen) this.#reveal(this.#find(this.#selected.n));
    this.draw(true);
  }

  #isInSight(row, height = this.grid.clientHeight) {
    const at = row ? this.#find(row.n) : -1;
    const top = at * this.#rowHeight - this.grid.scrollTop;
    return at >= 0 && top > -this.#rowHeight && top < height - this.#rowHeight;
  }

  /**
   * Show these rows, newest first. The rows in sight stay where they are: with the selected one, if it is in sight, or
   * else with the first one, unless the list is at its top.
   */
  show(rows) {
    const before = this.#rows;
    const top = this.grid.scrollTop;
    const first = Math.floor(top / this.#rowHeight);
    const wasHidden = this.#selected !== null && this.#find(this.#selected.n) < 0;
    const selected = this.#isInSight(this.#selected) ? this.#find(this.#selected.n) : -1;
    const anchor = before[selected >= 0 ? selected : first];
    this.#rows = rows;
    this.body.style.height = `${rows.length * this.#rowHeight}px`;
    this.grid.setAttribute("aria-rowcount", rows.length + 1);
    if ((top > 0 || selected >= 0) && anchor) {
      const at = this.#find(anchor.n);
      const offset = (selected >= 0 ? selected : first) * this.#rowHeight - top;
      if (at >= 0) this.grid.scrollTop = at * this.#rowHeight - offset;
    }
    if (wasHidden && this.#find(this.#selected.n) >= 0) this.#reveal(this.#find(this.#selected.n));
    this.draw(true);
  }

  /** The index of the row with this number, by binary search: rows are sorted by it. */
  #find(n) {
    let low = 0;
    let high = this.#rows.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (this.#rows[middle].n === n) return middle;
      if (this.#rows[middle].n > n) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  draw(changed = false) {
    const first = Math.max(0, Math.floor(this.grid.scrollTop / this.#rowHeight) - OVERSCAN);
    const many = Math.ceil(this.grid.clientHeight / this.#rowHeight) + 2 * OVERSCAN;
    while (this.#slots.length < many) this.#slots.push(this.#slot());
    for (let at = 0; at < this.#slots.length; at += 1) {
      // A row keeps its slot while it is in sight, so that a click or a screen reader does not lose it.
      const index = first + at;
      const slot = this.#slots[index % this.#slots.length];
      if (slot.index !== index || changed) this.#fill(slot, index, index - first < many ? this.#rows[index] : undefined);
    }
    this.#pointToSelected();
  }

  /** Tell assistive technology which row is selected, as long as the row is an element. */
  #pointToSelected() {
    const isDrawn = this.#selected !== null && this.#slots.some((slot) => slot.row === this.#selected);
    if (isDrawn) this.grid.setAttribute("aria-activedescendant", `row-${this.#selected.n}`);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  #slot() {
    const cells = Object.fromEntries(COLUMNS.map(([name]) => [name, el("span", { role: "gridcell", class: name })]));
    const element = el("div", { role: "row", hidden: true }, Object.values(cells));
    this.body.append(element);
    return { element, cells, index: -1, row: null, version: -1 };
  }

  #fill(slot, index, row) {
    slot.index = index;
    slot.element.hidden = !row;
    if (!row) {
      slot.row = null;
      return;
    }
    slot.element.style.transform = `translateY(${index * this.#rowHeight}px)`;
    slot.element.setAttribute("aria-rowindex", index + 2);
    slot.element.setAttribute("aria-selected", row === this.#selected);
    if (slot.row === row && slot.version === row.version) return;
    slot.row = row;
    slot.version = row.version;
    slot.element.id = `row-${row.n}`;
    slot.element.dataset.n = row.n;
    slot.element.dataset.severity = row.severity;
    this.#write(slot.cells, row);
  }

  #write(cells, row) {
    cells.time.textContent = time(row.time);
    cells.time.title = row.time;
    cells.severity.textContent = row.severity;
    cells.state.textContent = this.words(row.state);
    cells.state.dataset.state = row.state;
    cells.state.title = row.reason ? `${count(row.tries)} failed: ${visible(row.reason)}` : "";
    cells.object.replaceChildren(bdi(row.name || row.object || "–"));
    cells.object.title = visible(row.object);
    cells.type.textContent = shortType(visible(row.type));
    cells.type.title = visible(row.type);
    cells.user.replaceChildren(bdi(shortUser(row.user) || "–"));
    cells.user.title = visible(row.user);
    cells.message.replaceChildren(bdi(row.message));
  }

  select(row, { scroll = true } = {}) {
    this.#selected = row;
    if (row) {
      const index = this.#find(row.n);
      if (index >= 0 && scroll) this.#reveal(index);
    }
    this.draw(true);
  }

  #reveal(index) {
    const top = index * this.#rowHeight;
    const room = this.grid.clientHeight - 2 * this.#rowHeight; // the head covers one
    if (top < this.grid.scrollTop) this.grid.scrollTop = top;
    else if (top > this.grid.scrollTop + room) this.grid.scrollTop = top - room;
  }

  /** Put the buttons that filter by a value where the pointer is. */
  #offer(target) {
    const cell = target.closest("[role=gridcell]");
    const facet = FACET_OF_COLUMN[cell?.className];
    const slot = facet && this.#slots.find((each) => each.element === cell.parentElement);
    if (!slot?.row || cell.querySelector(".pick")) return;
    this.body.querySelector(".pick")?.remove();
    const value = slot.row[facet];
    cell.append(pickButtons(cell.textContent, (how) => this.pick(facet, value, how), { tabIndex: -1 }));
  }

  #click(event) {
    if (event.target.closest(".pick")) return;
    const row = event.target.closest("[role=row]");
    const slot = row && this.#slots.find((each) => each.element === row);
    if (!slot?.row) return;
    this.select(slot.row, { scroll: false });
    this.open(slot.row);
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.grid.clientHeight / this.#rowHeight) - 2);
    const at = this.#selected ? this.#find(this.#selected.n) : -1;
    const to = {
      ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, PageDown: at + page, PageUp: at - page,
      Home: 0, End: this.#rows.length - 1,
    }[event.key];
    if (to !== undefined && this.#rows.length) {
      event.preventDefault();
      this.select(this.#rows[Math.min(Math.max(to, 0), this.#rows.length - 1)]);
    } else if (event.key === "Enter" && this.#selected) {
      event.preventDefault();
      this.open(this.#selected, { focus: true });
    }
  }
}
