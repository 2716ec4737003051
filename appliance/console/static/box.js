// Asking the box about the desk file.

export class Refused extends Error {
  constructor(code, told) {
    super([told.wrong, told.mend].filter(Boolean).map((each) => each.replace(/\.$/, "")).join(". ") + ".");
    Object.assign(this, { code, told });
  }
}

export async function ask(what, question = {}) {
  let answer;
  try {
    answer = await fetch(`desk/${what}`, { method: "POST", body: JSON.stringify(question) });
  } catch {
    throw new Refused(0, { wrong: "The box does not answer", mend: "See that it is on; nothing you wrote is lost" });
  }
  const told = await answer.json().catch(() => ({ wrong: "The box failed", mend: "Try again" }));
  if (!answer.ok) throw new Refused(answer.status, told);
  return told;
}
