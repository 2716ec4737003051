// One's own account, its tokens, and for who may everything: everybody's.

import { ask, submitting } from "./access.js";

const at = (id) => document.getElementById(id);
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const day = (seconds) => (seconds ? DAY.format(new Date(seconds * 1000)) : "never");

let me = {};
let leaving = false;

/** Look at everything anew. */
async function show() {
  try {
    await look();
  } catch (error) {
    if (error.code === 401) enter();
    else tell(error.message);
  }
}

/** To the way in, for who may no longer; not for who is on the way out. */
function enter() {
  if (!leaving) location.assign(`enter.html?to=${location.pathname}`);
}

async function look() {
  me = await ask("me");
  if (me.by !== "session") return enter();
  const roles = me.roles.slice(0, me.roles.indexOf(me.role) + 1);
  at("me-title").textContent = me.name;
  at("me-role").textContent = `You are ${me.role} here${me.scope ? `, of ${me.scope.join(", ")}` : ""}.`;
  for (const field of document.querySelectorAll(".second")) field.hidden = !me.second;
  at("propose").querySelector("[type=submit]").textContent = me.second ? "Set it up anew" : "Set it up";
  at("drop").hidden = !me.second;
  choices(at("token").elements.role, roles);
  choices(at("add").elements.role, me.roles);
  at("people").hidden = me.role !== me.roles.at(-1);
  document.querySelector("main").hidden = false;
  await Promise.all([tokens(), accounts()]);
}

function choices(select, roles, chosen = roles[0]) {
  select.replaceChildren(...roles.map((role) => new Option(role, role, role === chosen, role === chosen)));
}

function tell(text) {
  at("notice").textContent = text;
  at("notice").hidden = !text;
}

/** Do it, and look at everything anew. */
async function doing(what, sent, told = "") {
  try {
    await ask(what, sent);
    tell(told);
  } catch (error) {
    tell(error.message);
  }
  await show();
}

function element(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

function button(text, act) {
  const made = element("button", text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

/** Whether one means it: null where not, else what was typed. `fresh` asks for a new password, `proof` for one's own. */
function sure(question, { fresh = false, proof = false } = {}) {
  const dialog = at("asking");
  const form = dialog.querySelector("form");
  const { new: other, password, code } = form.elements;
  form.reset();
  at("asking-title").textContent = question;
  for (const [field, asked] of [[other, fresh], [password, proof], [code, proof && me.second]]) {
    field.parentElement.hidden = !asked;
    field.required = asked;
  }
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    const typed = () => ({ new: other.value, password: password.value, code: code.value });
    dialog.addEventListener("close", () => done(dialog.returnValue ? typed() : null), { once: true });
  });
}

// Oneself

at("leave").addEventListener("click", async () => {
  leaving = true;
  try {
    await ask("leave", {});
    location.assign("/");
  } catch (error) {
    leaving = false;
    tell(error.message);
  }
});

submitting(at("password"), async (sent) => {
  await ask("password", sent);
  at("password").reset();
  tell("Your password is another one now.");
});

submitting(at("propose"), async (sent) => {
  const { secret, address } = await ask("second/propose", sent);
  at("propose").reset();
  at("secret").textContent = secret.replace(/(.{4})/g, "$1 ").trim();
  at("address").href = address;
  at("propose").hidden = true;
  at("confirm").hidden = false;
  at("confirm").elements.code.focus();
});

submitting(at("confirm"), async (sent) => {
  await ask("second/confirm", sent);
  at("confirm").reset();
  at("confirm").hidden = true;
  at("propose").hidden = false;
  tell("From now on the six digits are asked for.");
  await show();
});

at("drop").addEventListener("click", async () => {
  const sent = Object.fromEntries(new FormData(at("propose")));
  await doing("second/drop", sent, "The six digits are asked for no more.");
  at("propose").reset();
});

// Tokens

async function tokens() {
  const found = await ask("tokens/list", {});
  at("tokens").replaceChildren(...found.tokens.map(tokenItem));
}

function tokenItem(token) {
  const item = element("li", "");
  const until = `${token.role}, until ${day(token.expires)}, used ${day(token.used)}`;
  const remove = button("Remove", async () => {
    if (await sure(`Remove the token “${token.label}”?`)) await doing("tokens/remove", { id: token.id });
  });
  item.append(element("b", token.label), element("span", until, "small"), remove);
  return item;
}

submitting(at("token"), async (sent) => {
  const { token } = await ask("tokens/make", { ...sent, days: Number(sent.days) });
  at("token").reset();
  at("made").querySelector("code").textContent = token;
  at("made").hidden = false;
  await show();
});

// Everybody

async function accounts() {
  if (at("people").hidden) return;
  const found = await ask("accounts/list", {});
  at("accounts").replaceChildren(...found.accounts.map(accountItem));
}

function accountItem(account) {
  const item = element("li", "");
  const { name, scope } = account;
  const role = document.createElement("select");
  role.ariaLabel = `Role of ${name}`;
  choices(role, me.roles, account.role);
  role.addEventListener("change", async () => {
    const proof = await sure(`Let ${name} be ${role.value}?`, { proof: true });
    if (proof) await doing("accounts/change", { ...proof, name, role: role.value, scope });
    else role.value = account.role;
  });
  const seen = `${scope ? `${scope.join(", ")}; ` : ""}came in ${day(account.seen)}${account.second ? "; second factor" : ""}`;
  const buttons = element("span", "", "buttons");
  const password = button("New password", async () => {
    const given = await sure(`A new password for ${name}`, { fresh: true, proof: true });
    if (given) await doing("accounts/password", { ...given, name }, `${name} has another password now.`);
  });
  const remove = button("Remove", async () => {
    if (await sure(`Remove the account ${name}, with its tokens?`)) await doing("accounts/remove", { name });
  });
  const without = button("No second factor", async () => {
    const proof = await sure(`Let ${name} in without the six digits?`, { proof: true });
    if (proof) await doing("accounts/second", { ...proof, name });
  });
  buttons.append(role, password, ...(account.second ? [without] : []), ...(name === me.name ? [] : [remove]));
  item.append(element("b", name), element("span", seen, "small"), buttons);
  return item;
}

submitting(at("add"), async (sent) => {
  await ask("accounts/add", sent);
  at("add").reset();
  await show();
});

// Last, for until it is there a form would be sent as the browser sends forms.
await show();
