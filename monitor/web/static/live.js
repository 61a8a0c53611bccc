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
  picture.hidden = false;
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

function connect() {
  const watch = wall.dataset.watch;
  const query = watch ? `?watch=${encodeURIComponent(watch)}` : "";
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live${query}`);
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

if (wall && tiles.size) {
  connect();
  const fresh = document.getElementById("fresh");
  onAlerts((alert) => {
    if (fresh && alert.event === "start" && (!wall.dataset.watch || tiles.has(alert.camera))) fresh.hidden = false;
  });
  addEventListener("pagehide", () => {
    closing = true;
    socket.close();
  });
}
