import { api, at, tried } from "./parts.js";
import { sure } from "./sure.js";

const name = decodeURIComponent(location.pathname.split("/")[2]);

at("revoke").addEventListener("click", async () => {
  const proof = await sure(`Let ${name} be of the fleet no more?`, { typed: name, deed: "Revoke it" });
  if (!proof) return;
  const revoke = () => api(`boxes/${encodeURIComponent(name)}`, proof, "DELETE");
  await tried(revoke, at("revoked"), `${name} is of the fleet no more. Invite the name again for the box that replaces it.`);
});
