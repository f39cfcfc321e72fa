// The list of jobs keeps itself up to date: rows change in their places, new jobs are told above.
// It asks often while a job that is shown is unfinished, less often the longer nothing changes,
// seldom else (one that failed may be retried from elsewhere), and never while nobody looks.
"use strict";

{
  const OFTEN = 2000, RARELY = 6000, SELDOM = 10000; // milliseconds
  const MOST = 3000; // characters of an address that name rows
  const toggle = document.getElementById("pause");
  let isPaused = sessionStorage.getItem("jobs-paused") === "yes";
  let waiting, isAsking = false, often = OFTEN;

  const all = (rows) => [...document.querySelectorAll(`#job-list ${rows}`)];
  const moving = () => all("[data-moves]");

  function plan() {
    clearTimeout(waiting);
    if (isPaused || document.hidden || isAsking) return;
    const length = moving().length ? often : SELDOM;
    waiting = setTimeout(look, length * (0.9 + 0.2 * Math.random())); // pages opened together part
  }

  // The rows to ask about: those that move, and of the others those next to what is in sight.
  function watched() {
    const still = all("[data-watch]:not([data-moves])");
    const away = new Map(still.map((row) => [row, Math.abs(row.getBoundingClientRect().top)]));
    still.sort((one, other) => away.get(one) - away.get(other));
    const marks = [...moving(), ...still].map((row) => row.dataset.watch);
    let length = 0;
    return marks.filter((mark) => (length += mark.length + 1) < MOST).join("_");
  }

  function look() {
    clearTimeout(waiting);
    const place = document.getElementById("new-jobs");
    const watch = watched();
    if (isPaused || document.hidden || isAsking || !(place?.dataset.top || watch)) return;
    const known = new URLSearchParams({ watch, standing: document.getElementById("standing").dataset.seen });
    if (place.dataset.top) {
      known.set("top", place.dataset.top);
      known.set("new", place.querySelector("[data-new]")?.dataset.new || "0");
    }
    isAsking = true;
    often = Math.min(1.5 * often, RARELY);
    const done = () => { isAsking = false; plan(); };
    htmx.ajax("GET", `${place.dataset.news}&${known}`, { target: "#new-jobs", swap: "innerHTML" }).then(done, done);
  }

  function show() {
    toggle.setAttribute("aria-pressed", isPaused);
    toggle.lastElementChild.textContent = isPaused ? "Resume updates" : "Pause updates";
  }

  toggle.addEventListener("click", () => {
    isPaused = !isPaused;
    sessionStorage.setItem("jobs-paused", isPaused ? "yes" : "no");
    show();
    if (isPaused) clearTimeout(waiting); else look();
  });
  document.addEventListener("visibilitychange", () => { if (document.hidden) clearTimeout(waiting); else look(); });
  window.addEventListener("pageshow", (event) => { if (event.persisted) look(); });
  document.addEventListener("htmx:afterSettle", () => { often = OFTEN; plan(); }); // there was news

  // What tells more on hover lies above the link of its row, and opens it all the same.
  document.addEventListener("click", (event) => {
    event.target.closest(".jobs :is(time, span.over)")?.closest("tr").querySelector("a.row")?.click();
  });

  // Days and times are meant in the reader's zone; the address says which, for whoever it is sent to.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone, field = document.querySelector("[data-zone]");
  if (zone && !field.value) {
    field.value = zone;
    document.getElementById("zone").textContent = zone;
  }
  show();
  plan();
}
