// Asks whether one means it, of what lasts: for the name of what it is about, and for one's password anew.
import { ask, make } from "./parts.js";

/** Null where not, else what the server wants to see of it. `typed`: what has to be typed first. */
export async function sure(question, { typed = "", deed = "Do it" } = {}) {
  const me = await ask("/access/me");
  const dialog = make("dialog", "", { "aria-labelledby": "asking-title" });
  const form = make("form", "", { method: "dialog" });
  const name = field(`Type ${typed}`, { autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
  const password = field("Your password", { type: "password", autocomplete: "current-password", maxlength: 256 });
  const code = field("Six digits from your telephone", { inputmode: "numeric", autocomplete: "one-time-code", maxlength: 8 });
  // Who came by where he is, as to a demo, has none.
  const proves = me.by === "session";
  const fields = [typed && name, proves && password, proves && me.second && code].filter(Boolean);
  const act = make("button", deed, { value: "yes" });
  // What a dialog is closed with by Escape is nothing.
  const leave = make("button", "Not now", { value: "", formnovalidate: "" });
  const buttons = make("p", "", { class: "buttons" });
  buttons.append(act, " ", leave);
  form.append(make("h2", question, { id: "asking-title" }), ...fields.map(({ label }) => label), buttons);
  if (typed)
    name.input.addEventListener("input", () =>
      name.input.setCustomValidity(name.input.value.trim() === typed ? "" : `Type ${typed}`),
    );
  dialog.append(form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) =>
    dialog.addEventListener("close", () => {
      dialog.remove();
      const proof = proves ? { password: password.input.value, code: code.input.value } : {};
      done(dialog.returnValue ? proof : null);
    }),
  );
}

function field(text, attributes) {
  const label = make("label", `${text} `);
  const input = make("input", "", { required: "", ...attributes });
  label.append(input);
  return { label, input };
}
