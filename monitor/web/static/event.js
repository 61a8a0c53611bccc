// One event: the clip with its trace, and the review.

import { makeCopy, onAlerts, onKeys, say, send, twice } from "./page.js";

const event = document.getElementById("event");
const clip = document.getElementById("clip");
const trace = document.getElementById("trace");
const now = document.getElementById("now");
const undo = document.getElementById("undo");
const note = document.querySelector("#noting textarea");
const done = []; // verdicts that bring back what was

if (clip) {
  const begin = Number(clip.dataset.begin);
  const cannot = document.getElementById("cannot");
  const why = document.getElementById("why");
  const giveUp = (text) => {
    why.textContent = `This browser cannot play this clip: ${text}.`;
    cannot.hidden = false;
  };
  const playCopy = async () => {
    cannot.hidden = false;
    try {
      await makeCopy(clip.dataset.copy);
    } catch (error) {
      giveUp(error.message);
      return;
    }
    clip.addEventListener("error", () => giveUp("not even a smaller copy"), { once: true });
    clip.src = clip.dataset.copy;
    cannot.hidden = true;
    say("A smaller copy is shown: this browser cannot play the clip itself");
  };
  if (clip.error) playCopy(); // it failed before this script came
  else clip.addEventListener("error", playCopy, { once: true });
  if (trace && clip.dataset.begin) {
    const [start, unit, left] = ["start", "unit", "left"].map((name) => Number(trace.dataset[name]));
    const follow = () => {
      const x = left + (clip.currentTime + begin - start) / unit;
      now.setAttribute("x1", x);
      now.setAttribute("x2", x);
      now.setAttribute("visibility", x >= left && x <= trace.viewBox.baseVal.width ? "visible" : "hidden");
      if (!clip.paused) requestAnimationFrame(follow);
    };
    for (const name of ["play", "seeked", "timeupdate"]) clip.addEventListener(name, follow);
    trace.addEventListener("click", (click) => {
      const bounds = trace.getBoundingClientRect();
      const x = ((click.clientX - bounds.left) / bounds.width) * trace.viewBox.baseVal.width;
      clip.currentTime = Math.max(0, start + (x - left) * unit - begin);
    });
  }
}

const state = () => ({
  review: event.dataset.review,
  ...(event.dataset.label && event.dataset.review === "relabelled"
    ? { review_label: event.dataset.label }
    : {}),
  note: event.dataset.note,
  marked: event.dataset.marked === "true",
});

function show(told) {
  const chip = document.createElement("span");
  chip.className = `review ${told.review}`;
  chip.textContent = told.review_label || told.review;
  const who = document.createElement("span");
  who.className = "dim";
  who.textContent = ` by ${told.reviewer}, ${new Date(told.reviewed_at).toLocaleString()}`;
  const mark = document.createElement("span");
  mark.className = "mark";
  mark.textContent = told.marked ? " ★" : "";
  document.getElementById("verdict").replaceChildren(chip, mark, who);
  document.getElementById("marked").checked = told.marked;
}

async function order(verdict, text, keep = true) {
  const before = state();
  try {
    const { event: told } = await send("PATCH", `/api/v1/events/${event.dataset.id}`, verdict);
    Object.assign(event.dataset, {
      review: told.review,
      label: told.review_label || "",
      note: told.note,
      marked: String(told.marked),
    });
    show(told);
    // What is typed and not saved stays.
    if (note.value === before.note || told.note !== before.note) note.value = told.note;
    if (keep) done.push(before);
    undo.disabled = done.length === 0;
    say(text);
  } catch (error) {
    say(error.message);
  }
}

async function takeBack() {
  const last = done.pop();
  if (last) await order(last, "Undone", false);
}

if (undo) {
  document.querySelectorAll("[data-verdict]").forEach((button) => {
    const { verdict } = button.dataset;
    button.addEventListener("click", () => order({ review: verdict }, `Event ${verdict}`));
  });
  undo.addEventListener("click", takeBack);
  document.getElementById("relabel").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    const label = new FormData(submitted.target).get("label").trim();
    if (label) order({ review: "relabelled", review_label: label }, `It was ${label}`);
  });
  document.getElementById("noting").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    order({ note: new FormData(submitted.target).get("note") }, "Note saved");
  });
  document.getElementById("marked").addEventListener("change", (changed) => {
    order({ marked: changed.target.checked }, changed.target.checked ? "It is kept" : "It is not kept longer than others");
  });
}

async function forget() {
  try {
    await send("DELETE", `/api/v1/events/${event.dataset.id}`);
    note.value = event.dataset.note; // nothing is left to be saved
    location.href = "/events";
  } catch (error) {
    say(error.message);
  }
}

const forgetting = document.getElementById("take-back");
if (forgetting) twice(forgetting, forget);

// The box belongs to the window with the highest score: it is shown there, and before the clip runs.
const over = document.querySelector(".screen .over");
if (clip && over && clip.dataset.peak && clip.dataset.begin) {
  const peak = Number(clip.dataset.peak) - Number(clip.dataset.begin);
  clip.addEventListener("timeupdate", () => {
    over.toggleAttribute("hidden", clip.currentTime > 0 && Math.abs(clip.currentTime - peak) > 1.2);
  });
}

const ended = document.getElementById("ended");
if (ended) {
  onAlerts((alert) => {
    if (alert.id === event.dataset.id && alert.event === "end") ended.hidden = false;
  });
}

addEventListener("beforeunload", (leaving) => {
  if (note && note.value !== event.dataset.note) leaving.preventDefault();
});

onKeys({
  j: () => document.getElementById("older")?.click(),
  k: () => document.getElementById("newer")?.click(),
  c: () => undo && order({ review: "confirmed" }, "Event confirmed"),
  d: () => undo && order({ review: "dismissed" }, "Event dismissed"),
  u: takeBack,
  m: () => document.getElementById("marked")?.click(),
  " ": () => clip && (clip.paused ? clip.play() : clip.pause()),
});
