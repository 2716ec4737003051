const form = document.getElementById("pair");
const trouble = document.getElementById("trouble");

function tell(words) {
  trouble.textContent = words;
  trouble.hidden = !words;
}

async function begin() {
  const { networks, wrong } = await (await fetch("state")).json();
  tell(wrong);
  document.getElementById("networks").replaceChildren(
    ...networks.map((name) => Object.assign(document.createElement("option"), { value: name })),
  );
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  tell("");
  const answer = await fetch("pair", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(Object.fromEntries(new FormData(form))),
  });
  if (!answer.ok) {
    tell((await answer.json()).wrong);
    return;
  }
  form.hidden = true;
  document.getElementById("done").hidden = false;
});

begin();
