// The console works without this script. With it the preview follows while somebody types, a search needs no button, and
// a page with changes is not left by mistake.
"use strict";

const form = document.querySelector("form[data-live]");

if (form) {
  const result = document.getElementById("result"), undo = form.querySelector("a.button");
  let changed = result.querySelector(".difference") !== null, latest = 0, timer;

  // preview shows what the form means, without moving anything else on the page.
  const preview = async () => {
    const mine = ++latest;
    const body = new URLSearchParams(new FormData(form));
    body.set("do", "show");
    const answer = await fetch(form.action, {method: "POST", body, headers: {"X-Fragment": "result"}}).catch(() => null);
    const text = answer ? await answer.text() : "";
    if (mine !== latest) return;
    if (!answer || !answer.ok) {
      result.textContent = answer ? "That cannot be shown. Save what you have pasted elsewhere, and reload the page to see why." :
        "The console does not answer. Has it ended?";
      return;
    }
    const open = result.querySelector("details.reasons")?.open;
    result.innerHTML = text;
    showBeside();
    if (open) result.querySelector("details.reasons")?.setAttribute("open", "");
  };

  // showBeside puts each fault beside its field, too.
  const showBeside = () => {
    for (const old of form.querySelectorAll("[id^=fault-]")) {
      if (old.childElementCount) old.replaceChildren();
    }
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    for (const faults of result.querySelectorAll("[data-beside]")) {
      const id = faults.dataset.beside, beside = document.getElementById("fault-" + id);
      beside?.append(...[...faults.querySelectorAll(".fault")].map((fault) => fault.cloneNode(true)));
      document.getElementById(id)?.setAttribute("aria-invalid", "true");
    }
  };

  const search = () => {
    const words = form.elements.q.value.trim().toLowerCase(), show = form.elements.show.value;
    for (const line of form.querySelectorAll("table.names tbody tr")) {
      const on = line.querySelector("[role=switch]").checked, name = line.querySelector("[type=text]").value;
      const text = (line.querySelector("th").textContent + " " + name).toLowerCase();
      line.hidden = !(text.includes(words) || text.replaceAll("_", " ").includes(words)) ||
        (show === "off" && on) || (show === "renamed" && !name);
    }
  };

  // keep puts a search and a sample into the address of the page, so that a reload and an undo keep them.
  const keep = (name, value) => {
    const address = new URL(location);
    address.searchParams.delete("saved");
    address.searchParams.set(name, value);
    if (!value) address.searchParams.delete(name);
    history.replaceState(null, "", address);
    undo.href = address;
  };

  form.addEventListener("input", (event) => {
    const name = event.target.name;
    if (["q", "show", "sample"].includes(name)) keep(name, event.target.value);
    if (name === "q" || name === "show") {
      search();
      return;
    }
    if (name !== "sample" && name !== "webhook") changed = true;
    if (name === "default") { // the switches of the page follow it
      changed = false;
      form.requestSubmit(form.querySelector("button[value=filter]"));
      return;
    }
    clearTimeout(timer);
    timer = setTimeout(preview, 200);
  });
  form.addEventListener("submit", () => { changed = false; });
  undo.addEventListener("click", () => { changed = false; });
  form.querySelector("button[value=filter]")?.setAttribute("hidden", "");
  addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
}
