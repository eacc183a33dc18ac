// The edge between the list and an open event, which can be moved. The browser remembers where it is.

const KEY = "event-width";
const STEP = 2; // percent
const [LEAST, MOST, USUAL] = [25, 75, 42];

/** Let people move the edge; `main` has the width of the event, in percent of its own, as --event-width. */
export function makeDivider(divider, main) {
  const set = (percent) => {
    const width = Math.min(MOST, Math.max(LEAST, percent));
    main.style.setProperty("--event-width", `${width}%`);
    divider.setAttribute("aria-valuenow", Math.round(width));
    localStorage.setItem(KEY, width);
  };
  /** The width of the event if the edge were there; `x` is in pixels. */
  const widthAt = (x) => {
    const box = main.getBoundingClientRect();
    return ((box.right - x) / box.width) * 100;
  };
  divider.setAttribute("aria-valuemin", LEAST);
  divider.setAttribute("aria-valuemax", MOST);
  divider.setAttribute("aria-valuenow", USUAL);
  const kept = Number(localStorage.getItem(KEY));
  if (kept) set(kept);
  divider.addEventListener("pointerdown", (event) => {
    if (event.button === 0) divider.setPointerCapture(event.pointerId);
  });
  divider.addEventListener("pointermove", (event) => {
    if (divider.hasPointerCapture(event.pointerId)) set(widthAt(event.clientX));
  });
  divider.addEventListener("dblclick", () => set(USUAL));
  divider.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: STEP, ArrowRight: -STEP }[event.key];
    if (!by) return;
    event.preventDefault();
    set(widthAt(divider.getBoundingClientRect().right) + by); // it may be elsewhere than it was set: the list needs room
  });
}
