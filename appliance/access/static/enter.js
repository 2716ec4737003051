// The way in: with name and password, or, where nobody may anything yet, with the code of the machine.

import { ask, submitting } from "./access.js";

/** Where one wanted to go, if that is a page of this machine. */
function aim() {
  const to = new URL(new URLSearchParams(location.search).get("to") ?? "/", location.origin);
  // "/.//elsewhere.org" is here, and its path alone, "//elsewhere.org", is not.
  return to.origin === location.origin && !to.pathname.startsWith("//") ? to.pathname : "/";
}

const me = await ask("me");
const form = document.getElementById(me.claimed ? "enter" : "pair");
document.getElementById("title").textContent = me.claimed ? "Enter" : "The first account";
form.hidden = false;
if (!me.claimed && me.by === "place" && me.role === me.roles.at(-1)) {
  form.elements.code.value = (await ask("code")).code;
  form.elements.code.readOnly = true;
}
[...form.elements].find((field) => field.name && !field.readOnly).focus();
submitting(form, async (sent) => {
  await ask(form.id, sent);
  location.assign(aim());
});
