// The lineage page: choose an item of the drawing, zoom, drag. Without this file the drawing scrolls,
// its items are links, and the table below has the same to offer.
"use strict";
{
  const EASY = 0.8; // a drawing that fits at this size is shown whole at first, others in their width
  const LEGIBLE = 0.25; // as far as that is no smaller than this
  const SMALLEST = 0.1;
  const LARGEST = 3;
  let chosen = ""; // the id of the chosen item, where it has one
  let turned = null; // where somebody expanded or collapsed an item: "#chosen" or "tr"
  let kept = null; // how the drawing lay before that

  const box = () => document.getElementById("drawing");
  const drawn = () => box()?.querySelector("svg");
  const panel = () => document.getElementById("chosen");
  const natural = (svg) => svg.viewBox.baseVal;

  // How large a drawing can be that needs no scrolling.
  function room() {
    const style = getComputedStyle(box());
    const left = (total, before, after) => total - parseFloat(before) - parseFloat(after) - 4; // borders
    return {
      width: left(box().clientWidth, style.paddingLeft, style.paddingRight),
      height: left(parseFloat(style.maxHeight), style.paddingTop, style.paddingBottom),
    };
  }

  const fitting = () => Math.min(1, room().width / natural(drawn()).width, room().height / natural(drawn()).height);

  const beginning = () => {
    const whole = fitting();
    return whole >= EASY ? whole : Math.min(1, Math.max(LEGIBLE, room().width / natural(drawn()).width));
  };

  const scale = () => drawn().getAttribute("width") / natural(drawn()).width;

  // What is in the middle stays there.
  function size(factor) {
    const place = box();
    const x = (place.scrollLeft + place.clientWidth / 2) / place.scrollWidth;
    const y = (place.scrollTop + place.clientHeight / 2) / place.scrollHeight;
    const next = Math.min(Math.max(factor, Math.min(SMALLEST, fitting())), LARGEST);
    drawn().removeAttribute("style");
    for (const side of ["width", "height"]) drawn().setAttribute(side, natural(drawn())[side] * next);
    place.scrollLeft = x * place.scrollWidth - place.clientWidth / 2;
    place.scrollTop = y * place.scrollHeight - place.clientHeight / 2;
  }

  function zoom(how) {
    if (how === "fit") size(fitting());
    else size(how === "full" ? 1 : scale() * how);
  }

  function middle(element) {
    const { x, y, width, height } = element.getBoundingClientRect();
    return { x: x + width / 2, y: y + height / 2 };
  }

  function within(node) {
    const inner = middle(node);
    const outer = box().getBoundingClientRect();
    return { x: inner.x - outer.x, y: inner.y - outer.y };
  }

  function centre(node) {
    const inner = middle(node);
    const outer = middle(box());
    box().scrollLeft += inner.x - outer.x;
    box().scrollTop += inner.y - outer.y;
  }

  // Scroll the drawing until a node is at a place of its box. Where it ends before that, it gets a
  // blank edge.
  function put(node, place) {
    Object.assign(drawn().style, { margin: "0", boxSizing: "content-box" });
    for (const [axis, side, scroll, before, after] of [
      ["x", "width", "scrollLeft", "paddingLeft", "paddingRight"],
      ["y", "height", "scrollTop", "paddingTop", "paddingBottom"],
    ]) {
      box()[scroll] = 0;
      const by = within(node)[axis] - place[axis];
      const blank = by + room()[side] - drawn().getAttribute(side);
      if (by < 0) drawn().style[before] = `${-by}px`;
      else if (blank > 0) drawn().style[after] = `${blank}px`;
      box()[scroll] = by;
    }
  }

  const rowOf = (handle) => (handle ? document.querySelector(`tr[data-handle="${handle}"]`) : null);
  const nodeOf = (row) => (row ? document.getElementById(row.dataset.node) : null);

  // How it lies: its size, where in it the chosen item is, and where on the screen what was looked
  // at is: the drawing, or the row.
  const looked = (row) => (turned === "tr" ? row : box()).getBoundingClientRect().y;

  function lie() {
    const row = rowOf(chosen);
    const node = nodeOf(row);
    return node && { factor: scale(), node: within(node), looked: looked(row) };
  }

  // The panel says what the row of the table says, so the two cannot differ.
  function choose(node) {
    for (const other of box().querySelectorAll(".chosen")) other.classList.remove("chosen");
    const row = node ? document.querySelector(`[data-node="${node.id}"]`) : null;
    chosen = row?.dataset.handle || "";
    panel().hidden = !row;
    panel().replaceChildren();
    if (!row) return;
    node.classList.add("chosen");
    for (const cell of row.cells) {
      const part = document.createElement("div");
      part.className = cell.classList.contains("btns") ? "btns" : "";
      part.append(...[...cell.childNodes].map((child) => child.cloneNode(true)));
      panel().append(part);
    }
    htmx.process(panel());
    if (!kept) panel().scrollIntoView({ block: "nearest" });
  }

  function prepare() {
    if (!drawn() || box().dataset.ready) return;
    box().dataset.ready = "yes";
    const row = rowOf(chosen);
    const node = nodeOf(row);
    size(kept && node ? kept.factor : beginning());
    if (kept && node) put(node, kept.node);
    else centre(node || box().querySelector(".centre"));
    choose(node);
    if (row && turned) {
      const place = turned === "tr" ? row : panel();
      (place.querySelector("[data-turn]") || place.querySelector("a"))?.focus({ preventScroll: Boolean(kept) });
      if (kept) window.scrollBy(0, looked(row) - kept.looked);
    }
    turned = kept = null;
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    kept = turned && event.detail.target.id === "lineage" && drawn() ? lie() : null;
  });
  document.addEventListener("htmx:load", prepare);
  document.addEventListener("htmx:historyRestore", prepare);

  // A drag is no click.
  let from = null;
  let dragged = false;
  document.addEventListener("pointerdown", (event) => {
    dragged = false;
    from = event.pointerType === "mouse" && event.button === 0 && event.target.closest("#drawing svg") ? event : null;
  });
  document.addEventListener("pointermove", (event) => {
    if (!from) return;
    if (!dragged && Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) < 5) return;
    dragged = true;
    box().scrollLeft -= event.movementX;
    box().scrollTop -= event.movementY;
  });
  document.addEventListener("pointerup", () => { from = null; });
  document.addEventListener("dragstart", (event) => {
    if (event.target.closest?.("#drawing")) event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-zoom]");
    const turn = event.target.closest("[data-turn]");
    if (button) zoom(button.dataset.zoom);
    if (turn) {
      turned = turn.closest("tr") ? "tr" : "#chosen";
      if (turned === "tr") chosen = turn.closest("tr").dataset.handle;
    }
    if (!event.target.closest("#drawing svg") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (!dragged) choose(event.target.closest(".node"));
  });
  document.addEventListener("wheel", (event) => {
    if (!event.ctrlKey || !event.target.closest("#drawing")) return;
    event.preventDefault();
    size(scale() * Math.exp(-event.deltaY / 300));
  }, { passive: false });
  document.addEventListener("keydown", (event) => {
    if (event.target !== box() || event.ctrlKey || event.metaKey || event.altKey) return;
    const how = { "+": 1.25, "=": 1.25, "-": 0.8, 0: "fit", 1: "full" }[event.key];
    if (how) zoom(how);
    if (event.key === "Escape") choose(null);
  });
}
