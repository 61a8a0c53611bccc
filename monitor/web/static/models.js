// Models that are tried out: the order that lets two of them change places.

import { say, send } from "./page.js";

const LIMIT_MS = 30000; // that a camera may need to begin anew
const PAUSE_MS = 500;

async function follows(camera, promoted) {
  const until = Date.now() + LIMIT_MS;
  while (Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const answer = await fetch("/api/v1/shadows?days=1").catch(() => null);
    const known = answer?.ok ? await answer.json() : [];
    if (known.some((one) => one.camera === camera && one.promoted === promoted)) return;
  }
  throw new Error("har-monitor has not followed; its log says why");
}

for (const button of document.querySelectorAll("[data-sure]")) {
  const dialog = document.getElementById(button.dataset.sure);
  const { camera, order, model } = dialog.dataset;
  button.addEventListener("click", () => dialog.showModal());
  dialog.querySelector("[data-no]").addEventListener("click", () => dialog.close());
  dialog.querySelector("[data-yes]").addEventListener("click", async () => {
    dialog.close();
    button.disabled = true;
    try {
      const told = await send("POST", `/api/v1/cameras/${encodeURIComponent(camera)}/${order}`, { model });
      say("The models change places …");
      await follows(camera, told.promoted);
      location.reload();
    } catch (error) {
      say(error.message);
      button.disabled = false;
    }
  });
}
