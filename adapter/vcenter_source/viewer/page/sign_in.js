// The token that a viewer may require.

import { $, el } from "./dom.js";
import { request } from "./stream.js";

/** Ask for the token, or read it from the address (…/#token=…), which other pages and logs never see; then call `done`. */
export async function signIn(done) {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    history.replaceState(null, "", location.pathname + location.search);
    if (await request("/api/session", { token }).then(() => true, () => false)) return done();
  }
  const dialog = $("ask");
  const wrong = el("p", { role: "alert" });
  const input = el("input", { id: "token", type: "password", autocomplete: "current-password", required: true });
  const form = el("form", { method: "dialog", onsubmit: async (event) => {
    event.preventDefault();
    try {
      await request("/api/session", { token: input.value });
      dialog.close();
      done();
    } catch (error) {
      wrong.textContent = error.message;
    }
  } }, el("h2", { id: "ask-title" }, "This viewer requires a token"), el("p", {}, "Enter the value of VIEWER_TOKEN."),
  el("label", { for: "token" }, "Token"), input, wrong, el("div", { class: "buttons" }, el("button", { class: "main" }, "Sign in")));
  dialog.replaceChildren(form);
  dialog.showModal();
}
