// One more camera: it is looked at, then added; the last one can be taken back.

import { say, send } from "./page.js";

const LIMIT_MS = 30000; // that har-monitor may need to watch it
const PAUSE_MS = 500;
const $ = (id) => document.getElementById(id);
let looked = null;

function show(section) {
  for (const one of [$("seen"), $("added")]) one.hidden = one !== section;
  section?.querySelector("h2").focus();
}

function line(tag, text, kind = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = kind;
  return made;
}

async function busy(button, words, act) {
  const doing = button.closest("section").querySelector("[role=status]");
  button.disabled = true;
  doing.textContent = words;
  try {
    await act();
    doing.textContent = "";
  } catch (error) {
    doing.textContent = error.message; // until the next try
  } finally {
    button.disabled = false;
  }
}

async function follows(camera, watched) {
  const until = Date.now() + LIMIT_MS;
  while (Date.now() < until) {
    const answer = await fetch("/api/v1/cameras").catch(() => null);
    const known = answer?.ok ? await answer.json() : null;
    if (known && known.some((one) => one.name === camera) === watched) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error("har-monitor has not followed; its log says why");
}

$("look").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = Object.fromEntries(new FormData($("look")));
  busy(event.submitter, "The camera is watched for some seconds …", async () => {
    show(null);
    looked = await send("POST", "/api/v1/cameras/look", form);
    $("stream").textContent = looked.stream;
    $("facts").replaceChildren(...looked.facts.flatMap(({ name, text }) => [line("dt", name), line("dd", text)]));
    $("hurts").replaceChildren(
      ...looked.advice.map(({ found, remedy }) => {
        const item = line("li", found);
        item.append(line("span", remedy, "remedy"));
        return item;
      }),
    );
    $("difference").replaceChildren(
      ...looked.difference.split("\n").map((text) => line("span", `${text}\n`, text.startsWith("+") ? "new" : "")),
    );
    show($("seen"));
  });
});

$("add").addEventListener("click", (event) =>
  busy(event.target, "", async () => {
    const { camera } = await send("POST", "/api/v1/cameras/add", { id: looked.id });
    await follows(camera, true);
    $("added").querySelector("h2").textContent = `${camera} is added`;
    $("open").href = `/cameras/${encodeURIComponent(camera)}`;
    $("look").reset();
    show($("added"));
  }),
);

$("undo").addEventListener("click", (event) =>
  busy(event.target, "", async () => {
    const { camera } = await send("POST", "/api/v1/cameras/undo");
    await follows(camera, false);
    show(null);
    say(`${camera} is taken back`);
  }),
);
