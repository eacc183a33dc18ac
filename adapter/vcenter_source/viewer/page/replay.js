// Send events again: the question before it, and the answer.

import { $, el, visible } from "./dom.js";
import { count } from "./format.js";
import { request } from "./stream.js";

/** Ask whether to send an event of the history once more. */
export function askToSendEvent(n, { sink, isLetter }) {
  ask("Send this event again?", [
    el("p", {}, "The event is sent to ", el("code", {}, visible(sink)), " once more, unchanged. Whatever receives it acts on it again."),
    isLetter ? el("p", {}, "If the sink accepts it, it is no dead letter any more.") : null,
  ], "Send it again", async () => {
    const { accepted, why } = await request(`/api/events/${n}/replay`, {});
    return [accepted, accepted ? `The sink accepted it${why && `: ${visible(why)}`}.` : `The sink did not accept it: ${visible(why)}`];
  });
}

/** Ask whether to send dead letters again: those with these numbers, or all that there are for null. */
export function askToSendLetters(numbers, many, sink) {
  const what = many === 1 ? "this dead letter" : `these ${count(many)} dead letters`;
  ask(`Send ${what} again?`, [
    el("p", {}, "To ", el("code", {}, visible(sink)), ", oldest first, each after the answer to the one before. What the sink accepts is no dead letter any more."),
  ], "Send again", async () => {
    const { accepted, refused, why } = await request("/api/letters/replay", { numbers });
    const done = `${count(accepted)} accepted, ${count(refused)} refused`;
    return [!why, why ? `${done}: ${visible(why)}` : `${done}.`];
  });
}

/** Show a dialog; `send` returns whether all went well, and what to say. */
function ask(title, text, label, send) {
  const dialog = $("ask");
  const result = el("p", { role: "status" });
  const cancel = el("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const button = el("button", { type: "button", class: "main", onclick: async () => {
    button.disabled = true;
    result.textContent = "Sending…";
    const [ok, words] = await send().catch((error) => [false, `Not sent: ${error.message}`]);
    result.textContent = words;
    result.dataset.ok = ok;
    cancel.textContent = "Close";
  } }, label);
  dialog.replaceChildren(el("h2", { id: "ask-title" }, title), ...text.filter(Boolean), result, el("div", { class: "buttons" }, cancel, button));
  dialog.showModal();
}
