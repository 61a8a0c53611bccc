// The wall, or one camera: pictures and states over one socket, which is opened again if it breaks.

const wall = document.querySelector(".wall");
const tiles = new Map([...document.querySelectorAll("[data-camera]")].map((one) => [one.dataset.camera, one]));
const banner = document.createElement("p");
banner.className = "banner";
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
  tile.querySelector(".waiting").hidden = true;
  if (before.startsWith("blob:")) URL.revokeObjectURL(before);
}

function tell(name, { state, cause, score, open }) {
  const tile = tiles.get(name);
  if (!tile) return;
  tile.querySelector(".dot").className = `dot ${state.replaceAll(" ", "-")}`;
  tile.querySelector(".word").textContent = cause ? `${state}: ${cause}` : state;
  const waiting = tile.querySelector(".waiting");
  if (state === "ended") waiting.textContent = "its file has ended";
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
    if (!document.hidden) document.querySelector(".top").after(banner);
    setTimeout(connect, pause);
    pause = Math.min(8000, 2 * pause);
  });
}

if (wall && tiles.size) {
  connect();
  addEventListener("pagehide", () => {
    closing = true;
    socket.close();
  });
}
