// The list of events: moving, selecting, reviewing, undoing.

import { makeCopy, onAlerts, onKeys, say, send } from "./page.js";

const list = document.getElementById("events");
const items = list ? [...list.children] : [];
const undo = document.getElementById("undo");
const done = []; // what can be undone: [id, review, label] of each event of an order
let here = -1;

const box = (item) => item.querySelector("input[type=checkbox]");
const chosen = () => {
  const selected = items.filter((item) => box(item)?.checked);
  return selected.length ? selected : here >= 0 ? [items[here]] : [];
};

function be(place) {
  if (place !== here) {
    items[here]?.classList.remove("here");
    items[here]?.querySelector("video")?.pause();
  }
  here = place;
  items[here].classList.add("here");
  sessionStorage.setItem(`here ${location.search}`, items[here].dataset.id);
  update();
}

function move(step) {
  if (here + step >= items.length) {
    document.getElementById("older")?.click();
    return;
  }
  if (!items.length) return;
  be(Math.max(0, here + step));
  items[here].focus({ preventScroll: true });
  items[here].scrollIntoView({ block: "nearest" });
}

function update() {
  const none = chosen().length === 0;
  document.querySelectorAll("#bulk [data-verdict]").forEach((one) => (one.disabled = none));
  if (undo) undo.disabled = done.length === 0;
}

function show(item, review, label) {
  item.dataset.review = review;
  item.dataset.label = label || "";
  const chip = item.querySelector(".review");
  chip.className = `review ${review}`;
  chip.textContent = label || review;
}

async function apply(orders, keep) {
  // Orders of one verdict go together.
  const groups = new Map();
  for (const [item, review, label] of orders) {
    const key = JSON.stringify(label ? { review, review_label: label } : { review });
    groups.set(key, [...(groups.get(key) || []), item]);
  }
  const before = orders.map(([item]) => [item, item.dataset.review, item.dataset.label]);
  try {
    let count = 0;
    for (const [verdict, members] of groups) {
      const ids = members.map((item) => item.dataset.id);
      const told = await send("POST", "/api/v1/reviews", { ids, verdict: JSON.parse(verdict) });
      count += told.reviewed.length;
      const { review, review_label } = JSON.parse(verdict);
      for (const item of members) {
        if (told.reviewed.includes(item.dataset.id)) show(item, review, review_label);
      }
    }
    if (keep) done.push(before);
    say(`${count} ${count === 1 ? "event" : "events"}: ${keep ? orders[0][1] : "undone"}`);
  } catch (error) {
    say(error.message);
  }
  update();
}

async function review(verdict) {
  const selected = chosen();
  if (!selected.length) return;
  const single = selected.length === 1 && !box(selected[0])?.checked;
  await apply(selected.map((item) => [item, verdict]), true);
  for (const item of selected) if (box(item)) box(item).checked = false;
  document.getElementById("all").checked = false;
  if (single && here + 1 < items.length) move(1);
  update();
}

async function takeBack() {
  const last = done.pop();
  if (!last) return;
  await apply(last, false);
  be(items.indexOf(last[0][0]));
  items[here].scrollIntoView({ block: "nearest" });
}

function look() {
  const item = items[here];
  if (!item) return;
  const view = item.querySelector(".view");
  const playing = view.querySelector("video");
  if (playing) {
    if (playing.paused) playing.play();
    else playing.pause();
    return;
  }
  if (!item.dataset.clip) {
    say("There is no clip");
    return;
  }
  const video = document.createElement("video");
  video.src = item.dataset.clip;
  video.muted = true;
  video.autoplay = true;
  video.loop = true;
  video.playsInline = true;
  video.addEventListener("error", async () => {
    say("This browser cannot play H.265. A smaller copy is made …");
    try {
      await makeCopy(item.dataset.copy);
      video.src = item.dataset.copy;
    } catch (error) {
      say(`The clip cannot be played: ${error.message}`);
    }
  }, { once: true });
  view.replaceChildren(video);
}

document.querySelectorAll("#bulk [data-verdict]").forEach((button) => {
  button.addEventListener("click", () => review(button.dataset.verdict));
});
undo?.addEventListener("click", takeBack);
document.getElementById("all")?.addEventListener("change", (event) => {
  for (const item of items) if (box(item)) box(item).checked = event.target.checked;
  update();
});
list?.addEventListener("change", update);

onKeys({
  j: () => move(1),
  k: () => move(-1),
  c: () => review("confirmed"),
  d: () => review("dismissed"),
  u: takeBack,
  x: () => {
    const one = items[here] && box(items[here]);
    if (one) one.checked = !one.checked;
    update();
  },
  " ": look,
  Enter: () => items[here]?.querySelector(".title").click(),
});

for (const kind of ["focusin", "pointerdown"]) {
  list?.addEventListener(kind, ({ target }) => {
    const place = items.indexOf(target.closest(".event"));
    if (place >= 0) be(place);
  });
}
// Back from an event: at the same place again.
const before = items.findIndex((item) => item.dataset.id === sessionStorage.getItem(`here ${location.search}`));
if (before > 0) be(before);

// Empty fields do not belong into the address.
document.getElementById("filters")?.addEventListener("formdata", (event) => {
  for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
});

// New events are announced, and do not move the list under the reader.
const fresh = document.getElementById("fresh");
if (fresh) {
  onAlerts((alert) => {
    const known = items.find((item) => item.dataset.id === alert.id);
    if (alert.event === "start" && !known) fresh.hidden = false;
    if (alert.event === "end" && known?.classList.contains("open")) fresh.hidden = false;
  });
}
