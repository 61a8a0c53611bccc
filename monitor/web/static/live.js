// The wall, or one camera: pictures and states over one socket, which is opened again if it breaks.

import { onAlerts } from "./page.js";

const wall = document.querySelector(".wall");
const tiles = new Map([...document.querySelectorAll("[data-camera]")].map((one) => [one.dataset.camera, one]));
const STALE = ["stalled", "retrying", "failed", "connecting", "ended", "stopped", "unknown"];
const banner = document.createElement("p");
banner.className = "banner fault";
banner.setAttribute("role", "status");
banner.textContent = "The connection is lost; trying again.";
let socket;
let pause = 500;
let closing;

function draw(name, data) {
  const tile = tiles.get(name);
  if (!tile) return;
  const picture = tile.querySelector("img");
  const before = picture.src;
  picture.src = URL.createObjectURL(new Blob([data], { type: "image/jpeg" }));
  picture.hidden = tile.classList.contains("playing");
  tile.querySelector(".no-picture").hidden = true;
  const over = tile.querySelector(".over");
  picture.onload = () => {
    const { naturalWidth: wide, naturalHeight: high } = picture;
    over.setAttribute("viewBox", `0 0 ${wide} ${high}`);
    over.querySelector("g").setAttribute("transform", `scale(${wide / 100} ${high / 100})`);
  };
  if (before.startsWith("blob:")) URL.revokeObjectURL(before);
}

function tell(name, { state, cause, score, open }) {
  const tile = tiles.get(name);
  if (!tile) return;
  tile.querySelector(".dot").className = `dot ${state.replaceAll(" ", "-")}`;
  tile.querySelector(".word").textContent = cause ? `${state}: ${cause}` : state;
  tile.classList.toggle("stale", STALE.includes(state));
  const instead = tile.querySelector(".no-picture");
  if (state === "ended") instead.textContent = "its file has ended";
  else if (cause) instead.textContent = `cannot be watched: ${cause}`;
  tile.querySelector("meter").value = score;
  tile.classList.toggle("acting", open.length > 0);
  tile.querySelector(".doing").textContent = open
    .map(({ region, label }) => (region ? `${region}: ${label}` : label))
    .join(", ");
}

const here = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;
let how = "camera"; // how one camera is looked at: its stills, or pictures if there is no video

function connect() {
  const watch = wall.dataset.watch;
  const query = watch ? `?${how}=${encodeURIComponent(watch)}` : "";
  socket = new WebSocket(`${here}/live${query}`);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => {
    banner.remove();
    pause = 500;
  });
  socket.addEventListener("message", ({ data }) => {
    if (typeof data === "string") {
      for (const [name, state] of Object.entries(JSON.parse(data).states || {})) tell(name, state);
      return;
    }
    const length = new DataView(data).getUint16(0);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 2, length)));
    draw(head.camera, new Uint8Array(data, 2 + length));
  });
  socket.addEventListener("close", () => {
    if (closing) return;
    for (const name of tiles.keys()) tell(name, { state: "unknown", cause: "", score: 0, open: [] });
    if (!document.hidden) document.querySelector(".top").after(banner);
    setTimeout(connect, pause);
    pause = Math.min(8000, 2 * pause);
  });
}

/** Show a camera's own video; pictures if this browser or the camera has none. */
function play(name) {
  const view = tiles.get(name).querySelector(".view");
  const shown = document.createElement("video");
  Object.assign(shown, { muted: true, autoplay: true, playsInline: true });
  view.prepend(shown); // below the picture, which is hidden once it plays
  const parts = [];
  let buffer;
  let feed;

  function giveUp() {
    feed.onclose = null;
    feed.close();
    shown.remove();
    tiles.get(name).classList.remove("playing");
    how = "watch";
    socket.close(); // it is opened again, for pictures
  }

  function append() {
    if (!buffer || buffer.updating) return;
    const { buffered } = shown;
    if (buffered.length) {
      const last = buffered.length - 1;
      const end = buffered.end(last);
      if (shown.currentTime < buffered.start(last) || end - shown.currentTime > 0.9) {
        shown.currentTime = Math.max(buffered.start(last), end - 0.2);
      }
      if (shown.currentTime - buffered.start(0) > 30) {
        buffer.remove(0, shown.currentTime - 10);
        return;
      }
    }
    if (parts.length) buffer.appendBuffer(parts.shift());
  }

  function begin(codec) {
    const type = `video/mp4; codecs="${codec}"`;
    if (!codec || !window.MediaSource?.isTypeSupported(type)) {
      giveUp();
      return;
    }
    parts.length = 0;
    buffer = undefined;
    const source = new MediaSource();
    shown.src = URL.createObjectURL(source);
    source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(shown.src);
      buffer = source.addSourceBuffer(type);
      buffer.addEventListener("updateend", append);
      append();
    }, { once: true });
  }

  function open() {
    feed = new WebSocket(`${here}/video?camera=${encodeURIComponent(name)}`);
    feed.binaryType = "arraybuffer";
    feed.onmessage = ({ data }) => {
      if (typeof data === "string") {
        begin(JSON.parse(data).codec);
        return;
      }
      parts.push(data);
      append();
    };
    feed.onclose = () => setTimeout(open, 2000);
  }

  shown.addEventListener("playing", () => {
    tiles.get(name).classList.add("playing");
    view.querySelector("img").hidden = true;
    view.querySelector(".no-picture").hidden = true;
    const over = view.querySelector(".over");
    over.setAttribute("viewBox", `0 0 ${shown.videoWidth} ${shown.videoHeight}`);
    over.querySelector("g").setAttribute("transform", `scale(${shown.videoWidth / 100} ${shown.videoHeight / 100})`);
  });
  shown.addEventListener("error", () => giveUp());
  open();
  addEventListener("pagehide", () => {
    feed.onclose = null;
    feed.close();
  });
}

if (wall && tiles.size) {
  connect();
  if (wall.dataset.watch) play(wall.dataset.watch);
  const fresh = document.getElementById("fresh");
  onAlerts((alert) => {
    if (fresh && alert.event === "start" && (!wall.dataset.watch || tiles.has(alert.camera))) fresh.hidden = false;
  });
  addEventListener("pagehide", () => {
    closing = true;
    socket.close();
  });
}
