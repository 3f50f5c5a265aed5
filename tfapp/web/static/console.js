// Makes the pages livelier. Without it they work as plain pages and forms.
"use strict";
(() => {
  const region = (id, page = document) => page.getElementById(id);

  // Tells what went wrong where screen readers hear it.
  const complain = (text) => {
    const problem = region("problem");
    problem.replaceChildren();
    if (text) {
      const line = document.createElement("p");
      line.className = "problem";
      line.textContent = text;
      problem.append(line);
      problem.scrollIntoView({ block: "nearest" });
    }
  };

  // Someone who writes or reads in a part of the page must not lose it under their hands.
  const inUse = (part) => {
    const active = document.activeElement, selected = document.getSelection();
    if (selected && !selected.isCollapsed && part.contains(selected.anchorNode)) return true;
    const writes = active && part.contains(active) && active.matches("input, textarea, select");
    return writes || [...part.querySelectorAll("textarea, input[type=text], input:not([type])")].some((field) => field.value !== field.defaultValue);
  };

  const atEnd = (part) => part.scrollHeight - part.scrollTop - part.clientHeight < 80;

  // Of a list whose parts have names, only what has changed: a screen reader then reads the new parts alone.
  const sources = new WeakMap();
  const mergeKeyed = (old, fresh) => {
    const follow = atEnd(old);
    const names = new Set([...fresh.children].map((child) => child.id));
    for (const child of [...old.children]) {
      // What somebody writes is not lost because somebody else was quicker; sending it will tell.
      if (!names.has(child.id) && !("stay" in child.dataset) && !inUse(child)) child.remove();
    }
    let before = null;
    for (const child of fresh.children) {
      let known = [...old.children].find((one) => one.id === child.id);
      if (!known) {
        known = document.importNode(child, true);
        old.insertBefore(known, before ? before.nextElementSibling : old.firstElementChild);
        sources.set(known, child.outerHTML);
      } else if (sources.get(known) !== child.outerHTML && !inUse(known)) {
        const copy = document.importNode(child, true);
        const opened = [...known.querySelectorAll("details")].map((details) => details.open);
        [...copy.querySelectorAll("details")].forEach((details, at) => { details.open = Boolean(opened[at]); });
        known.replaceWith(copy);
        known = copy;
        sources.set(known, child.outerHTML);
      }
      before = known;
    }
    if (follow) old.scrollTop = old.scrollHeight;
  };
  for (const list of document.querySelectorAll("[data-keyed]")) {
    for (const child of list.children) sources.set(child, child.outerHTML);
  }

  const swap = (id, page) => {
    const old = region(id), fresh = region(id, page);
    if (!old || !fresh) return;
    if (old.hasAttribute("data-keyed")) { mergeKeyed(old, fresh); return; }
    if (old.innerHTML === fresh.innerHTML) return;
    const reachable = (part) => [...part.querySelectorAll("a, button, summary, input, select, textarea")];
    const at = reachable(old).indexOf(document.activeElement);
    old.replaceWith(document.importNode(fresh, true));
    const again = at < 0 ? null : reachable(region(id))[at];
    if (again) again.focus({ preventScroll: true });
  };

  const load = async (address, options = {}) => {
    const answer = await fetch(address, { credentials: "same-origin", ...options });
    const text = await answer.text();
    if (!(answer.headers.get("content-type") || "").startsWith("text/html")) throw new Error(text.trim());
    const page = new DOMParser().parseFromString(text, "text/html");
    const wrong = region("what-went-wrong", page);
    if (wrong) throw new Error(wrong.textContent);
    // The session is over: the whole page must go there.
    if (!region("notice", page)) { location.assign(answer.url); throw new Error(""); }
    return { page, address: answer.url };
  };

  // Parts that are live ask for their page again and again, and take their place in it.
  let asking = false;
  const refresh = async () => {
    const due = [...document.querySelectorAll("[data-live]")].filter((part) => {
      const since = performance.now() - Number(part.dataset.asked || started);
      return since >= 1000 * Number(part.dataset.live);
    });
    if (asking || document.hidden || !due.length) return;
    asking = true;
    try {
      const { page } = await load(location.href);
      for (const part of due) {
        const id = part.id;
        if (part.hasAttribute("data-keyed") || !inUse(part)) swap(id, page);
        if (region(id)) region(id).dataset.asked = String(performance.now());
      }
      swap("waiting", page);
      if (document.body.dataset.lost) { delete document.body.dataset.lost; complain(""); }
    } catch (error) {
      if (error.message) { document.body.dataset.lost = "yes"; complain(error instanceof TypeError ? "The console does not answer; is it running?" : error.message); }
      for (const part of due) part.dataset.asked = String(performance.now() + 3000);
    } finally {
      asking = false;
    }
  };
  // No Date: the clock may be set back meanwhile.
  const started = performance.now();
  setInterval(refresh, 500);

  // Forms that name parts of the page are sent without leaving it.
  let sending = false;
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const most = Number(form.dataset.mostBytes || 0);
    const large = most && [...form.querySelectorAll("input[type=file]")].some((field) => field.files[0] && field.files[0].size > most);
    if (large) { event.preventDefault(); complain("The file is too large; split it."); return; }
    if (!form.dataset.swap) return;
    event.preventDefault();
    // What is on the page is about to change: a second key or click would mean what is gone.
    if (sending) return;
    sending = true;
    const body = new FormData(form);
    if (event.submitter && event.submitter.name) body.append(event.submitter.name, event.submitter.value);
    form.classList.add("busy");
    form.setAttribute("aria-busy", "true");
    complain("");
    try {
      const { page, address } = await load(form.action, { method: "POST", body });
      const stays = form.closest("[data-stay]");
      if (stays) delete stays.dataset.stay;
      if ("clear" in form.dataset) {
        form.reset();
        if (document.activeElement) document.activeElement.blur();
      }
      for (const id of [...form.dataset.swap.split(" "), "notice"]) swap(id, page);
      if (address !== form.action && !form.closest("[data-keyed]")) history.replaceState(null, "", address);
      const focus = form.dataset.focus && region(form.dataset.focus);
      if (focus) focus.focus({ preventScroll: true });
    } catch (error) {
      if (error.message) complain(error instanceof TypeError ? "The console does not answer; is it running?" : error.message);
    } finally {
      sending = false;
      form.classList.remove("busy");
      form.removeAttribute("aria-busy");
    }
  });

  document.addEventListener("keydown", (event) => {
    const writes = event.target.matches("input, textarea, select");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form) {
      event.preventDefault();
      const button = event.target.form.querySelector("button.primary") || event.target.form.querySelector("button");
      event.target.form.requestSubmit(button);
      return;
    }
    if (writes || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const button = [...document.querySelectorAll("button[data-key]")].find((known) => known.dataset.key === event.key);
    if (button && !button.disabled) { event.preventDefault(); button.click(); }
  });

  const log = region("log");
  if (log) log.scrollTop = log.scrollHeight;
})();
