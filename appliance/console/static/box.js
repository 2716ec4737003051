// Asking the box about the desk file.

export class Refused extends Error {
  constructor(code, told) {
    super([told.wrong, told.mend].filter(Boolean).map((each) => each.replace(/\.$/, "")).join(". ") + ".");
    Object.assign(this, { code, told });
  }
}

export const ask = (what, question = {}) => fetched(`desk/${what}`, { method: "POST", body: JSON.stringify(question) });

// What the box serves now.
export const look = () => fetched("desk");

async function fetched(where, how) {
  let answer;
  try {
    answer = await fetch(where, how);
  } catch {
    throw new Refused(0, { wrong: "The box does not answer", mend: "See that it is on; nothing you wrote is lost" });
  }
  const told = await answer.json().catch(() => ({ wrong: "The box failed", mend: "Try again" }));
  if (answer.status === 401 && told.enter) location.assign(`${told.enter}?to=${location.pathname}`);
  if (!answer.ok) throw new Refused(answer.status, told);
  return told;
}
