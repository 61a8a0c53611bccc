// The timeline: a click on what is recorded opens it at that moment.

document.querySelectorAll("a.band").forEach((band) => {
  band.addEventListener("click", (click) => {
    if (!click.clientX && !click.clientY) return; // by keyboard: from its beginning
    const bounds = band.querySelector("rect.recorded").getBoundingClientRect();
    const part = Math.min(1, Math.max(0, (click.clientX - bounds.left) / bounds.width));
    const [start, end] = [Date.parse(band.dataset.start), Date.parse(band.dataset.end)];
    const address = new URL(band.href.baseVal, location.href);
    address.searchParams.set("at", new Date(start + part * (end - start)).toISOString());
    band.setAttribute("href", address.pathname + address.search);
  });
});
