// Comforts: every page works without this.
"use strict";
(() => {
  for (const form of document.querySelectorAll("form[data-at-once]")) form.requestSubmit();
  const theme = document.getElementById("theme");
  if (theme) {
    for (const button of document.querySelectorAll("[data-without-script]")) button.hidden = true;
    theme.addEventListener("change", () => theme.form.requestSubmit());
  }
  // A button is pressed once, however often it is clicked.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
  for (const box of document.querySelectorAll("input[data-all]")) {
    box.addEventListener("change", () => {
      for (const one of document.querySelectorAll(`input[name="${CSS.escape(box.dataset.all)}"]`)) one.checked = box.checked;
    });
  }

  // A line of an edited text: chosen where a mistake names it, or the field that somebody came for.
  const text = document.getElementById("text");
  function chooseLine(number) {
    const lines = text.value.split("\n");
    const start = lines.slice(0, number - 1).join("\n").length + (number > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(start, start + (lines[number - 1] || "").length);
    text.scrollTop = Math.max(0, (number - 4) * (text.scrollHeight / lines.length));
  }
  if (text) {
    for (const link of document.querySelectorAll("a[data-line]")) {
      link.addEventListener("click", (event) => { event.preventDefault(); chooseLine(Number(link.dataset.line)); });
    }
    const wanted = (text.dataset.find || "").split(".").pop();
    const place = wanted ? text.value.split("\n").findIndex((line) => line.trimStart().startsWith(wanted)) : -1;
    if (place >= 0) chooseLine(place + 1);
    // What was typed and not saved is not lost by a click beside it.
    let saved = text.value;
    text.form.addEventListener("submit", () => { saved = text.value; });
    addEventListener("beforeunload", (event) => { if (text.value !== saved) event.preventDefault(); });
  }
  const result = document.getElementById("result") || document.getElementById("answer");
  if (result) result.focus();
  // Of a form whose first question decides: the fields that belong to the answer.
  for (const chooser of document.querySelectorAll("select[data-shows]")) {
    const show = () => {
      for (const part of chooser.form.querySelectorAll("[data-shown-for]")) part.hidden = !part.dataset.shownFor.split(" ").includes(chooser.value);
    };
    chooser.addEventListener("change", show);
    show();
  }

  const source = document.body.dataset.liveFrom;
  if (!source || !document.querySelector("[data-live]")) return;
  const state = document.getElementById("live-state");
  let asking = false, again = false, said = "";

  function say(text, kind) {
    state.dataset.kind = kind;
    if (text === said) return;
    said = text;
    state.textContent = text;
  }

  function busy(part) {
    // Somebody is at work in it: replacing it would take the focus, the selection or what was typed.
    if (part.contains(document.activeElement) && document.activeElement !== part) return true;
    const selection = getSelection();
    if (selection && !selection.isCollapsed && part.contains(selection.anchorNode)) return true;
    return [...part.querySelectorAll("input,textarea,select")].some((field) =>
      field.type === "checkbox" ? field.checked !== field.defaultChecked : "defaultValue" in field && field.value !== field.defaultValue);
  }

  function replace(old, fresh) {
    for (const details of old.querySelectorAll("details[id][open]")) {
      const same = fresh.querySelector(`#${CSS.escape(details.id)}`);
      if (same) same.open = true;
    }
    const scrolled = [...old.querySelectorAll(".scroll")].map((part) => part.scrollLeft);
    old.replaceWith(fresh);
    fresh.querySelectorAll(".scroll").forEach((part, place) => { part.scrollLeft = scrolled[place] || 0; });
  }

  async function ask() {
    if (asking || document.hidden) { again = true; return; }
    asking = true;
    const began = performance.now();
    try {
      const answer = await fetch(location.href, { headers: { "X-Live": "1" }, cache: "no-store" });
      if (answer.status === 401) { feed.close(); say("Signed out", "off"); return; }
      if (!answer.ok) { say("This is how it was: the agent does not tell more at the moment", "off"); return; }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      // Another question: its page, and not parts of it in this one.
      const step = document.querySelector("[data-step]"), now = fresh.querySelector("[data-step]");
      if (step && (!now || now.dataset.step !== step.dataset.step)) { location.replace(location.href.split("#")[0]); return; }
      for (const part of document.querySelectorAll("[data-live][id]")) {
        const next = fresh.getElementById(part.id);
        if (next && next.outerHTML !== part.outerHTML && !busy(part)) replace(part, document.importNode(next, true));
      }
      say("Live", "on");
    } catch {
      say("Not live: nothing answers", "off");
    } finally {
      // What takes the agent long is asked for less often: looking at it must not slow its work.
      setTimeout(() => {
        asking = false;
        if (again && !document.hidden) { again = false; ask(); }
      }, Math.min(60000, Math.max(1000, 9 * (performance.now() - began))));
    }
  }

  const feed = new EventSource(source);
  feed.addEventListener("open", () => say("Live", "on"));
  feed.addEventListener("change", ask);
  feed.addEventListener("end", () => { feed.close(); say("Signed out", "off"); });
  feed.addEventListener("error", () => {
    if (feed.readyState === EventSource.CLOSED) setInterval(ask, 15000);
    say(feed.readyState === EventSource.CLOSED ? "Updated from time to time" : "Not live: nothing answers", "off");
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) { again = false; ask(); } });
})();
