// The few things that HTML cannot do by itself. Every page works without this file.
"use strict";

document.documentElement.classList.add("js");

// Times are sent in the server's zone; here they become the reader's own.
const shown = new Intl.DateTimeFormat("en-AU", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const exact = new Intl.DateTimeFormat("en-AU", {
  dateStyle: "full", timeStyle: "long", hourCycle: "h23",
});

function improve(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    time.textContent = shown.format(at);
    time.title = exact.format(at);
  }
  // Browsers offer the clipboard on https and on this machine only.
  for (const button of navigator.clipboard ? root.querySelectorAll("[data-copy][hidden]") : []) {
    button.hidden = false;
  }
}

document.addEventListener("DOMContentLoaded", () => improve(document));
document.addEventListener("htmx:load", (event) => improve(event.detail.elt.parentElement || document));

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const label = button.textContent;
  button.textContent = "Copied";
  document.getElementById("announcer").textContent = "Copied.";
  setTimeout(() => { button.textContent = label; }, 1500);
});

// A second click on Register must not register twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  if (form.matches("[data-once]") && !event.submitter?.matches("[data-again]")) {
    form.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-disabled", "true");
  }
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("[aria-disabled]")?.removeAttribute("aria-disabled");
  }
});

// A page that updates itself says so when it cannot.
const offline = (isOffline) => () => { document.getElementById("offline").hidden = !isOffline; };
document.addEventListener("htmx:sendError", offline(true));
document.addEventListener("htmx:beforeOnLoad", offline(false));
