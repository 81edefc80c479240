"use strict";
// In a box that is scrolled, what is marked as "here" comes into view; the page itself stays where it is.
const bringHere = box => {
  const here = [...box.querySelectorAll(".here")].find(e => !e.closest("[hidden]"));
  if (!here) return;
  const a = here.getBoundingClientRect(), b = box.getBoundingClientRect();
  box.scrollTop += a.top + a.height / 2 - b.top - b.height / 2;
  box.scrollLeft += a.left + a.width / 2 - b.left - b.width / 2;
};

// Sliders: whatever has data-at is shown at the positions that it names, and nowhere else.
for (const exhibit of document.querySelectorAll(".exhibit")) {
  const sliders = [...exhibit.querySelectorAll("input[type=range]")];
  if (!sliders.length) continue;
  const frames = [...exhibit.querySelectorAll("[data-at]")].map(e => [e, new Set(e.dataset.at.split(" "))]);

  const show = () => {
    let position = 0;
    for (const slider of sliders) {
      const names = JSON.parse(slider.dataset.names);
      position = position * names.length + Number(slider.value);
      slider.parentElement.querySelector("output").textContent = names[slider.value];
      slider.setAttribute("aria-valuetext", names[slider.value]);
    }
    for (const [element, positions] of frames) element.toggleAttribute("hidden", !positions.has(String(position)));
    for (const box of exhibit.querySelectorAll(".tall")) bringHere(box);
  };
  for (const slider of sliders) slider.addEventListener("input", show);

  // The button moves the last slider on, one position at a time, until its end.
  const button = exhibit.querySelector("button"), last = sliders[sliders.length - 1];
  let timer = 0;
  const stop = () => { clearInterval(timer); timer = 0; button.textContent = "Play"; };
  button.addEventListener("click", () => {
    if (timer) return stop();
    if (last.value === last.max) last.value = 0;
    show();
    button.textContent = "Pause";
    timer = setInterval(() => {
      last.value = Number(last.value) + 1;
      show();
      if (last.value === last.max) stop();
    }, Math.max(120, Math.min(700, 12000 / Number(last.max))));
  });
  show();
}
