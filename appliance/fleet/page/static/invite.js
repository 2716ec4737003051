// A claim code for a new box. The server keeps no more than its hash, so the page shows it once.
import { api, at, make, put, tried } from "./parts.js";
import { sure } from "./sure.js";

const form = at("invite");
// By what name boxes reach the server, who sits at the server does not see.
const server = ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname) ? "SERVER" : location.hostname;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [name, site] = [at("new-name").value, at("new-site").value.trim()];
  at("claim").hidden = true;
  const proof = await sure(`Invite ${name}${site && ` to ${site}`}?`, { deed: "Invite it" });
  if (!proof) return;
  let codes = {};
  const invite = async () => ({ codes } = await api("invitations", { names: [name], site, ...proof }));
  if (!(await tried(invite, at("invited"), `${name} is invited. Its code is shown once, is good once, and for 30 days.`))) return;
  put(at("claim-code"), codes[name]);
  put(at("claim-command"), `appliance fleet enrol ${codes[name]} ${server}:8884`);
  at("claim").hidden = false;
  form.reset();
});

at("new-site").addEventListener("focus", async () => {
  const { items } = await api("sites?size=500");
  at("known-sites").replaceChildren(...items.filter(({ site }) => site).map(({ site }) => make("option", "", { value: site })));
});
