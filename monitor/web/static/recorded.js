// What is recorded of a camera: the player, the span that is marked, and what was taught so far.

import { onKeys, say, send, twice } from "./page.js";

const page = document.getElementById("recorded");
const film = document.getElementById("film");
const teaching = document.getElementById("teaching");
const silent = document.getElementById("silent");
const AGAIN_MS = 20000; // until it is asked what was recorded meanwhile
const BEFORE_END_MS = 10000; // where the player begins, if no moment is asked for
const SHOWN = 20; // spans in the list

let segments = []; // of all that is recorded: start and end in ms, address
let current; // the segment in the player
let wanted; // what is to be done with it once it is loaded

const camera = page && encodeURIComponent(page.dataset.camera);
const field = (name) => teaching.elements[name];

/** A moment as a field of the form has it, in the zone of the viewer. */
function local(ms) {
  const moment = new Date(ms);
  return new Date(ms - moment.getTimezoneOffset() * 60000).toISOString().slice(0, -1);
}

const now = () => (current ? current.start + film.currentTime * 1000 : NaN);

function tell() {
  if (!current) return;
  document.getElementById("moment").textContent = local(now()).replace("T", " ").slice(0, -2);
}

/** Show a moment; if it is not recorded, what comes next. */
function show(ms, play = !film.paused) {
  const found = segments.find((one) => ms < one.end) ?? segments.at(-1);
  if (!found || Number.isNaN(ms)) return;
  const at = Math.max(0, (ms - found.start) / 1000);
  wanted = () => {
    film.currentTime = Math.min(at, film.duration || at);
    tell();
    if (play) film.play();
  };
  const there = current?.address === found.address;
  current = found;
  if (!there) film.src = found.address;
  else if (film.readyState && at <= film.duration) loaded();
  else film.load(); // it grew
}

function loaded() {
  wanted?.();
  wanted = undefined;
}

/** Go on after the end of a segment, or of what there was of it when it was loaded. */
async function goOn() {
  const from = now();
  await look();
  const following = segments.find((one) => one.start > current.start && one.end > from);
  const grew = segments.some((one) => one.address === current.address && one.end > from + 1000);
  if (grew) show(from, true);
  else if (following) show(following.start, true);
}

async function look() {
  const told = await send("GET", `/api/v1/cameras/${camera}/recorded`);
  segments = told.recorded
    .flatMap((one) => one.segments)
    .map(({ start, end, address }) => ({ start: Date.parse(start), end: Date.parse(end), address }));
  current = segments.find((one) => one.address === current?.address) ?? current;
  silent.querySelector("span").textContent = told.silent.join("; ");
  silent.hidden = !told.silent.length;
  const counts = Object.entries(told.taught).map(([label, count]) => `${label}: ${count}`);
  document.getElementById("counts").textContent = counts.join(", ") || "Nothing yet.";
}

/** Say why the player shows nothing: a machine does not answer, or the browser cannot play it. */
async function explain() {
  await look();
  document.getElementById("cannot").hidden = !silent.hidden;
}

async function list() {
  const query = `camera=${camera}&origin=taught&limit=${SHOWN}`;
  const { events } = await send("GET", `/api/v1/events?${query}`);
  document.getElementById("taught").replaceChildren(...events.map(({ event }) => item(event)));
}

function item(event) {
  const line = document.createElement("li");
  const link = document.createElement("a");
  link.href = `/events/${event.id}`;
  const length = (event.end_s - event.start_s).toFixed(1);
  const label = event.review === "dismissed" ? "nothing" : event.review_label || event.label;
  link.textContent = `${label}, ${new Date(event.at).toLocaleTimeString()}, ${length} s`;
  line.append(link);
  if (teaching) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Take back";
    button.setAttribute("aria-label", `Take back ${link.textContent}`);
    twice(button, () => takeBack(event.id));
    line.append(" ", button);
  }
  return line;
}

async function takeBack(id) {
  try {
    await send("DELETE", `/api/v1/events/${id}`);
    say("Taken back");
    await Promise.all([look(), list()]);
  } catch (error) {
    say(error.message);
  }
}

/** Say how long the span is, and what is wrong with it. */
function measure() {
  const seconds = (Date.parse(field("end").value) - Date.parse(field("start").value)) / 1000;
  const [shortest, longest] = [Number(page.dataset.shortest), Number(page.dataset.longest)];
  const allowed = `A span lasts ${shortest} to ${longest} s.`;
  const known = !Number.isNaN(seconds);
  const fits = !known || (seconds >= shortest && seconds <= longest);
  field("end").setCustomValidity(fits ? "" : allowed);
  const length = known ? `${seconds.toFixed(1)} s. ` : "";
  document.getElementById("lasts").textContent = length + (known && fits ? "" : allowed);
}

function mark(name) {
  if (!current) return;
  field(name).value = local(now());
  measure();
  say(name === "start" ? "The span starts here" : "The span ends here");
}

/** A missed act has a label of the model; nothing has none. */
function choose() {
  const what = field("what").value;
  const label = field("label");
  const known = label.dataset.known.split("\n");
  document.getElementById("label-of").hidden = what === "nothing";
  label.disabled = what === "nothing";
  const unknown = what === "missed" && !known.includes(label.value.trim());
  label.setCustomValidity(
    unknown ? `The model of this camera finds ${known.join(", ")}. Anything else is a new activity.` : "",
  );
}

async function save(submitted) {
  submitted.preventDefault();
  const fault = document.getElementById("fault");
  fault.hidden = true;
  const moment = (name) => new Date(field(name).value).toISOString();
  const label = field("what").value === "nothing" ? null : field("label").value.trim();
  try {
    await send("POST", "/api/v1/spans", {
      camera: page.dataset.camera,
      start: moment("start"),
      end: moment("end"),
      label,
    });
    say(`Taught: ${label ?? "nothing"}`);
    field("start").value = field("end").value = "";
    measure();
    await Promise.all([look(), list()]);
  } catch (error) {
    fault.textContent = error.message;
    fault.hidden = false;
  }
}

async function begin() {
  try {
    await Promise.all([look(), list()]);
    const asked = page.dataset.at ? Date.parse(page.dataset.at) : NaN;
    const newest = segments.at(-1)?.end - BEFORE_END_MS;
    show(Number.isNaN(asked) ? newest : asked);
  } catch (error) {
    say(error.message);
  }
}

if (page) {
  film.addEventListener("error", () => explain().catch((error) => say(error.message)));
  film.addEventListener("timeupdate", tell);
  film.addEventListener("loadedmetadata", loaded);
  film.addEventListener("ended", () => goOn().catch((error) => say(error.message)));
  document.querySelectorAll("[data-move]").forEach((button) => {
    button.addEventListener("click", () => show(now() + 1000 * Number(button.dataset.move)));
  });
  document.getElementById("going").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    show(Date.parse(new FormData(submitted.target).get("at")));
  });
  if (teaching) {
    document.getElementById("from-here").addEventListener("click", () => mark("start"));
    document.getElementById("to-here").addEventListener("click", () => mark("end"));
    teaching.addEventListener("input", () => {
      measure();
      choose();
    });
    teaching.addEventListener("submit", save);
    measure();
    choose();
  }
  onKeys({
    "[": () => teaching && mark("start"),
    "]": () => teaching && mark("end"),
    " ": () => (film.paused ? film.play() : film.pause()),
    ArrowLeft: () => show(now() - 1000),
    ArrowRight: () => show(now() + 1000),
  });
  begin();
  setInterval(() => look().catch(() => {}), AGAIN_MS);
}
