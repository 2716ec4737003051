// Asking the house who may what.

export class Refused extends Error {
  constructor(code, told) {
    const said = [told.wrong, told.mend].filter(Boolean).map((each) => each[0].toUpperCase() + each.slice(1));
    super(`${said.map((each) => each.replace(/\.$/, "")).join(". ")}.`);
    this.code = code;
  }
}

export async function ask(what, question) {
  const sent = question === undefined ? {} : { method: "POST", body: JSON.stringify(question) };
  let answer;
  try {
    answer = await fetch(`/access/${what}`, sent);
  } catch {
    throw new Refused(0, { wrong: "There is no answer", mend: "See that the machine is on" });
  }
  const told = await answer.json().catch(() => ({ wrong: "That failed", mend: "Try again" }));
  if (!answer.ok) throw new Refused(answer.status, told);
  return told;
}

/** Send a form's fields by `send` when it is submitted; what is wrong is shown in it. */
export function submitting(form, send) {
  const wrong = form.querySelector(".wrong");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    wrong.hidden = true;
    try {
      await send(Object.fromEntries(new FormData(form)));
    } catch (error) {
      wrong.textContent = error.message;
      wrong.hidden = false;
    } finally {
      button.disabled = false;
    }
  });
}
