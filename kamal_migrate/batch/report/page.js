"use strict";
const $ = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const list = $("#list"), opened = $("#opened"), search = $("#search"), root = document.documentElement;
const rows = all("tr[data-id]").map((row) => ({
  row, id: row.dataset.id, outcome: row.dataset.outcome, link: $("a", row),
  words: `${row.textContent} ${row.dataset.words}`.toLowerCase(),
}));
const details = new Map(all("script[data-for]").map((script) => [script.dataset.for, script]));
const title = document.title;
let outcome = "", last = null;

const shown = () => rows.filter(({ row }) => !row.hidden);

function filter() {
  const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const one of rows) {
    one.row.hidden = (outcome && one.outcome !== outcome) || !wanted.every((word) => one.words.includes(word));
  }
  const count = shown().length;
  $("#shown").textContent = count === rows.length ? "" : `${count} of ${rows.length}`;
  $("#none").hidden = count > 0 || rows.length === 0;
}

function choose(wanted) {
  outcome = wanted === outcome ? "" : wanted;
  for (const button of all("#totals button")) {
    button.setAttribute("aria-pressed", String(button.dataset.outcome === outcome));
  }
  filter();
}

/* What is in the page as text becomes elements when somebody wants to see it. */
function fragment(id) {
  const template = document.createElement("template");
  template.innerHTML = details.has(id) ? details.get(id).textContent : "";
  return template.content;
}

function element(name, settings, ...children) {
  const made = Object.assign(document.createElement(name), settings);
  made.append(...children);
  return made;
}

function around(id) {
  const visible = shown().filter((one) => one.id !== id || true);
  const at = visible.findIndex((one) => one.id === id);
  const made = element("nav", { className: "around", ariaLabel: "Repositories" });
  made.append(element("a", { href: "#", textContent: "← All repositories" }));
  const beside = [[visible[at - 1], "previous", "Previous: "], [visible[at + 1], "next", "Next: "]];
  for (const [one, kind, words] of at < 0 ? [] : beside) {
    if (one) made.append(element("a", { href: `#${one.id}`, className: kind, textContent: words + one.link.textContent }));
  }
  return made;
}

function open(one, part) {
  if (opened.dataset.id !== one.id || opened.hidden) {
    const content = fragment(one.id);
    if (!details.has(one.id)) {
      const reason = $(".reason", one.row);
      content.append(
        element("h2", { id: "name", tabIndex: -1, textContent: one.link.textContent }),
        element("p", {}, $(".outcome", one.row).cloneNode(true)),
        reason ? reason.cloneNode(true) : "",
      );
    }
    opened.replaceChildren(around(one.id), content);
    opened.dataset.id = one.id;
  }
  list.hidden = true;
  opened.hidden = false;
  last = one;
  document.title = `${one.link.textContent} · ${title}`;
  const aim = part && $(`[data-part="${CSS.escape(part)}"] h3`, opened);
  if (aim) aim.scrollIntoView();
  else window.scrollTo(0, 0);
  (aim || $("#name")).focus({ preventScroll: true });
}

function close() {
  const was = !opened.hidden && last;
  opened.hidden = true;
  opened.replaceChildren();
  list.hidden = false;
  document.title = title;
  if (was && !was.row.hidden) {
    was.link.focus();
    was.row.scrollIntoView({ block: "center" });
  }
}

function route() {
  let hash = location.hash.slice(1);
  try { hash = decodeURIComponent(hash); } catch { /* it is as it is */ }
  const [id, part] = hash.split("!");
  const one = rows.find((row) => row.id === id);
  if (one) open(one, part);
  else close();
}

function move(step) {
  if (!opened.hidden) {
    const aim = $(step > 0 ? ".next" : ".previous", opened);
    if (aim) location.hash = aim.getAttribute("href");
    return;
  }
  const visible = shown();
  const at = visible.findIndex(({ row }) => row.contains(document.activeElement));
  const aim = visible[at < 0 ? (step > 0 ? 0 : visible.length - 1) : Math.min(Math.max(at + step, 0), visible.length - 1)];
  if (aim) aim.link.focus();
}

function back() {
  if (!opened.hidden) location.hash = "";
  else if (document.activeElement === search && search.value) { search.value = ""; filter(); }
  else if (document.activeElement === search) search.blur();
  else if (outcome) choose("");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const typing = document.activeElement === search;
  const arrows = opened.hidden && !document.activeElement.closest("pre, .totals");
  const keys = {
    Escape: back,
    ...(typing ? {} : {
      "/": () => { if (!opened.hidden) location.hash = ""; setTimeout(() => { search.focus(); search.select(); }); },
      j: () => move(1),
      k: () => move(-1),
    }),
    ...(arrows ? { ArrowDown: () => move(1), ...(typing ? {} : { ArrowUp: () => move(-1) }) } : {}),
  };
  if (!Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});

async function copy(button) {
  const source = $("pre", button.parentElement);
  let done = "Copied";
  try {
    await navigator.clipboard.writeText(source.textContent.replace(/\n$/, ""));
  } catch {
    getSelection().selectAllChildren(source);
    done = document.execCommand("copy") ? "Copied" : "Press Ctrl-C";
  }
  button.textContent = done;
  $("#said").textContent = done;
  setTimeout(() => { button.textContent = "Copy"; $("#said").textContent = ""; }, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button && button.matches("#totals button")) choose(button.dataset.outcome);
  if (button && button.matches(".copy")) copy(button);
  if (button && button.id === "all") { search.value = ""; outcome = "-"; choose("-"); }
  if (button && button.id === "theme") paint(!dark());
});
search.addEventListener("input", filter);
$("#find").addEventListener("submit", (event) => { event.preventDefault(); move(1); });

const theme = $("#theme"), prefers = matchMedia("(prefers-color-scheme: dark)");
const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefers.matches);
function label() { theme.setAttribute("aria-pressed", String(dark())); }
function paint(isDark) { root.dataset.theme = isDark ? "dark" : "light"; label(); }
prefers.addEventListener("change", label);
theme.hidden = false;
label();

/* Printed from the table, what is left for hands follows it, for the repositories that are shown. */
window.addEventListener("beforeprint", () => {
  const paper = opened.hidden ? shown() : [];
  $("#paper").replaceChildren(...paper.flatMap((one) => {
    const left = $('[data-part="left"]', fragment(one.id));
    return left ? [element("h2", { textContent: one.link.textContent }), left] : [];
  }));
});
window.addEventListener("afterprint", () => $("#paper").replaceChildren());
window.addEventListener("hashchange", route);
route();
