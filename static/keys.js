// Keyboard shortcuts. What they are stands in the sheet (templates/includes/keys.html): a link there
// is where its keys go. A reader can turn them off, because single keys can be in the way of speech
// input and of other aids.
"use strict";

const sheet = document.getElementById("keys");
const areOn = document.getElementById("keys-on");
const SOON = 1500; // ms within which the second key of a pair must follow
const TYPING = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]";

// Where a browser keeps nothing for us, the choice lasts as long as the page.
const kept = {
  get: () => { try { return localStorage.getItem("keys"); } catch { return null; } },
  set: (value) => { try { localStorage.setItem("keys", value); } catch { /* see above */ } },
};

// Only what can be seen can be gone through.
const rows = () => [...document.querySelectorAll("main a.row")].filter((row) => row.getClientRects().length);

function step(by) {
  const all = rows();
  const here = all.indexOf(document.activeElement);
  const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : here + by;
  all[Math.min(Math.max(next, 0), all.length - 1)]?.focus();
}

function search() {
  const field = document.querySelector("main input[type=search]");
  field?.focus();
  field?.select();
  return Boolean(field);
}

const actions = {
  "?": () => sheet.showModal(),
  "/": () => search() || sheet.querySelector("[data-keys='/']").click(),
  j: () => step(1),
  k: () => step(-1),
  o: () => document.activeElement.closest("a.row")?.click(),
  r: () => [...document.querySelectorAll("main .btn")].find((button) => button.textContent.trim() === "Refresh")?.click(),
};

let before = { key: "", at: 0 };

function press(event) {
  const keys = event.timeStamp - before.at < SOON && before.key ? `${before.key} ${event.key}` : event.key;
  const link = sheet.querySelector(`a[data-keys="${CSS.escape(keys)}"]`);
  const act = actions[keys] || (link && (() => link.click()));
  before = { key: event.key === "g" ? "g" : "", at: event.timeStamp };
  if (!act) return;
  event.preventDefault();
  act();
}

if (sheet) {
  areOn.checked = kept.get() !== "off";
  areOn.addEventListener("change", () => kept.set(areOn.checked ? "on" : "off"));
  document.addEventListener("keydown", (event) => {
    const isOurs = areOn.checked && !sheet.open && !event.defaultPrevented && !event.isComposing;
    if (!isOurs || event.ctrlKey || event.metaKey || event.altKey || event.target.closest(TYPING)) return;
    press(event);
  });
  document.getElementById("open-keys").addEventListener("click", () => sheet.showModal());
  if (location.hash === "#q") search(); // where `/` led from a page without a search
}
