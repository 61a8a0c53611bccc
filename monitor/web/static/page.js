// What every page needs: the viewer's time zone, and a line of text that tells what was done.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.split("; ").includes(`zone=${zone}`)) {
  document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=strict`;
  // The server writes times in this zone from now on.
  if (document.cookie.includes("zone=") && !sessionStorage.getItem("zone")) {
    sessionStorage.setItem("zone", zone);
    location.reload();
  }
}

let hiding;

export function say(text) {
  const line = document.getElementById("said");
  line.textContent = text;
  line.classList.add("on");
  clearTimeout(hiding);
  hiding = setTimeout(() => line.classList.remove("on"), 4000);
}

/** Send JSON to the API; an Error with the server's own words if it refuses. */
export async function send(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  }).catch(() => {
    throw new Error("har-monitor does not answer");
  });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Error(typeof told.detail === "string" ? told.detail : `refused (${answer.status})`);
  }
  return told;
}

/** Have a copy of a clip made that every browser plays; an Error with the reason if it cannot be. */
export async function makeCopy(address) {
  if (!address) throw new Error("a smaller copy is made only of clips that are on this machine");
  for (;;) {
    const headers = { Range: "bytes=0-0", Accept: "application/json" };
    const answer = await fetch(address, { headers }).catch(() => {
      throw new Error("har-monitor does not answer");
    });
    if (answer.ok) return;
    const again = Number(answer.headers.get("Retry-After"));
    if (!again) {
      const told = await answer.json().catch(() => ({}));
      throw new Error(told.detail || `refused (${answer.status})`);
    }
    await new Promise((go) => setTimeout(go, 1000 * again));
  }
}

/** Call `tell` with each alert as it comes: its id, camera, and whether it is a start or an end. */
export function onAlerts(tell) {
  if (!("EventSource" in window)) return;
  const changes = new EventSource("/api/v1/changes");
  changes.addEventListener("alert", ({ data }) => tell(JSON.parse(data)));
}

/** Call `keys[key]` when a key is pressed that is not meant for a field. */
export function onKeys(keys) {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), textarea, select");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const own = "button, a, summary, input, label, video";
    if ((event.key === " " || event.key === "Enter") && event.target.closest(own)) return;
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
}

/** Call `act` when a button is pressed twice: what it does cannot be undone. */
export function twice(button, act) {
  const text = button.textContent;
  let asking;
  button.addEventListener("click", () => {
    if (asking) {
      act();
      return;
    }
    button.textContent = `${text}?`;
    asking = setTimeout(() => {
      button.textContent = text;
      asking = undefined;
    }, 5000);
  });
}
