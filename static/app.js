// The few things that HTML cannot do by itself. Every page works without this file.
"use strict";

document.documentElement.classList.add("js");

// Times are sent in the server's zone; here they become the reader's own.
const shown = new Intl.DateTimeFormat("en-AU", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const instant = new Intl.DateTimeFormat("en-AU", {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23",
});
const exact = new Intl.DateTimeFormat("en-AU", {
  dateStyle: "full", timeStyle: "long", hourCycle: "h23",
});

// How long ago, or how long until then; what is more than a week away has its date.
const UNITS = [[604800, 86400, "d"], [86400, 3600, "h"], [3600, 60, "min"], [60, 1, "s"]];
function ago(at) {
  const seconds = (Date.now() - at) / 1000, length = Math.abs(seconds);
  if (length >= 604800) return shown.format(at);
  if (seconds >= 0 && length < 5) return "just now";
  const [, size, unit] = UNITS.findLast(([below]) => length < below);
  const number = `${Math.max(1, Math.floor(length / size))} ${unit}`;
  return seconds < 0 ? `in ${number}` : `${number} ago`;
}

function improve(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    time.textContent = "ago" in time.dataset ? ago(at) : (time.matches(".instant") ? instant : shown).format(at);
    time.title = exact.format(at);
  }
  // Browsers offer the clipboard on https and on this machine only.
  for (const button of navigator.clipboard ? root.querySelectorAll("[data-copy][hidden]") : []) {
    button.hidden = false;
  }
}

document.addEventListener("DOMContentLoaded", () => improve(document));
document.addEventListener("htmx:load", (event) => improve(event.detail.elt.parentElement || document));
setInterval(() => {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = ago(new Date(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
}, 1000);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const shownText = button.dataset.copyOf && document.getElementById(button.dataset.copyOf).textContent;
  await navigator.clipboard.writeText(shownText || button.dataset.copy);
  const label = button.textContent;
  button.textContent = "Copied";
  const announcer = document.getElementById("announcer");
  announcer.textContent = "Copied.";
  setTimeout(() => {
    button.textContent = label;
    announcer.textContent = ""; // so that the next copy is news
  }, 1500);
});

// The picker of items: htmx fetches the options, this shows them and takes the one that is chosen.
function close(input) {
  input.closest("[data-picker]").querySelector(".options").hidden = true;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

// What was typed, and what stands before it: a picker of several has bars between them.
function parts(picker) {
  const text = picker.querySelector("input").value;
  const start = picker.dataset.picker === "several" ? text.lastIndexOf("|") + 1 : 0;
  return [text.slice(0, start), text.slice(start).trim()];
}

function choose(option) {
  const picker = option.closest("[data-picker]");
  const input = picker.querySelector("input");
  input.value = parts(picker)[0] + option.dataset.value;
  input.removeAttribute("aria-invalid");
  picker.querySelector(".picked").replaceChildren(...[...option.childNodes].map((node) => node.cloneNode(true)));
  close(input);
}

// What was typed or pasted is taken if it is the id or the whole name of an option.
function settle(picker) {
  const typed = parts(picker)[1].toLowerCase();
  const options = [...picker.querySelectorAll("[role=option]")];
  const same = options.filter((option) => typed.endsWith(option.dataset.value) || option.dataset.name.toLowerCase() === typed);
  if (typed && same.length === 1) choose(same[0]);
  else if (/^https?:/.test(typed) && options.length === 1) choose(options[0]);
}

function activate(input, options, next) {
  for (const option of options) option.setAttribute("aria-selected", option === next);
  input.setAttribute("aria-activedescendant", next.id);
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("htmx:afterSwap", (event) => {
  const list = event.detail.target; // none where a page comes back from the history
  const input = list?.closest("[data-picker]")?.querySelector("input");
  if (!input || !list.matches(".options")) return;
  if (document.activeElement !== input) {
    settle(list.closest("[data-picker]"));
    return;
  }
  if (!list.querySelector("[role=option]")) {
    close(input);
    list.closest("[data-picker]").querySelector(".picked").textContent = input.value ? "Nothing matches that you may read." : "There is none yet that you may read.";
    return;
  }
  list.hidden = false;
  input.setAttribute("aria-expanded", "true");
  input.removeAttribute("aria-activedescendant");
});
document.addEventListener("mousedown", (event) => {
  const option = event.target.closest(".options [role=option]");
  if (!option) return;
  event.preventDefault(); // the input keeps the focus
  choose(option);
});
document.addEventListener("focusout", (event) => {
  if (!event.target.matches("[data-picker] input")) return;
  if (event.target.getAttribute("aria-expanded") === "true") settle(event.target.closest("[data-picker]"));
  close(event.target);
});
document.addEventListener("input", (event) => {
  if (event.target.matches("[data-picker] input")) {
    event.target.closest("[data-picker]").querySelector(".picked").replaceChildren();
  }
});
document.addEventListener("keydown", (event) => {
  const input = event.target;
  if (!input.matches("[data-picker] input")) return;
  if (input.getAttribute("aria-expanded") !== "true") {
    if (event.key === "ArrowDown") input.click(); // which fetches the options
    return;
  }
  const options = [...input.closest("[data-picker]").querySelectorAll("[role=option]")];
  const at = options.findIndex((option) => option.id === input.getAttribute("aria-activedescendant"));
  if (event.key === "Escape") close(input);
  else if (event.key === "Enter" && at >= 0) choose(options[at]);
  else if (event.key === "ArrowDown" && options.length) activate(input, options, options[(at + 1) % options.length]);
  else if (event.key === "ArrowUp" && options.length) activate(input, options, options[at > 0 ? at - 1 : options.length - 1]);
  else return;
  event.preventDefault();
});

// Times are typed, with an offset, as registry/moments.py reads them. A calendar beside each shows
// what a clock there says, and leaves the offset as it is.
const TIME = /^\s*(\d{4})[-/](\d\d?)[-/](\d\d?)(?:(?:\s+|T)(\d\d?):(\d\d)(?::(\d\d)(?:\.0+)?)?\s*(?:Z|UTC|[+-]\d\d(?::?\d\d)?)?)?\s*$/i;
const OFFSET = /:\d\d(?:\.0+)?\s*(([+-])(\d\d):?(\d\d)?)\s*$/;

function look(text) {
  const [, zone = "", sign, hours, minutes = "00"] = OFFSET.exec(text) || [];
  const [, year, month, day, hour = "0", minute = "00", second = "00"] = TIME.exec(text) || [];
  const two = (number) => number?.padStart(2, "0");
  const wall = `${year}-${two(month)}-${two(day)}T${two(hour)}:${minute}:${second}`;
  const there = new Date(`${wall}Z`);
  const exists = !isNaN(there) && there.toISOString().startsWith(wall) && !(hours > 23 || minutes > 59); // no 31 February
  if (!exists) return { wall: "", zone, utc: "" };
  const ahead = (sign === "-" ? -1 : 1) * (60 * (hours || 0) + Number(minutes)); // minutes
  const utc = new Date(there - ahead * 60000).toISOString().slice(0, 19).replace("T", " ");
  return { wall, zone, utc: `${utc}+00:00` };
}

document.addEventListener("change", (event) => {
  const { fills } = event.target.dataset;
  if (!fills || !event.target.value) return;
  const field = document.getElementById(fills);
  field.value = event.target.value.replace("T", " ") + (look(field.value).zone || "+00:00");
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-moment]")) return;
  const { id, value } = event.target;
  const { wall, zone, utc } = look(value);
  const calendar = document.querySelector(`[data-fills="${id}"]`);
  if (document.activeElement !== calendar) calendar.value = wall;
  document.getElementById(`${id}_zone`).textContent = zone || "UTC";
  document.getElementById(`${id}_utc`).textContent = utc && `In UTC: ${utc}`;
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

// Parts that ask for news by themselves are quiet while nobody sees them.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && !event.detail.requestConfig.triggeringEvent) event.preventDefault();
});

// What the reader has unfolded stays so when it is swapped for newer.
let unfolded = [];
document.addEventListener("htmx:beforeSwap", (event) => {
  unfolded = [...event.detail.target.querySelectorAll("details[id][open]")].map((details) => details.id);
});
document.addEventListener("htmx:afterSwap", () => {
  for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
});

// A page that updates itself says so when it cannot.
const offline = (isOffline) => () => { document.getElementById("offline").hidden = !isOffline; };
document.addEventListener("htmx:sendError", offline(true));
document.addEventListener("htmx:beforeOnLoad", offline(false));
