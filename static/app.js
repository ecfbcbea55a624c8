"use strict";

// Everything here is comfort: each page works without it, as plain links and forms.

(() => {
  const RELEASE_AFTER_MS = 10000;
  const LONGEST_POLL_S = 60;

  // ---- A form is sent once: pressed buttons show it, and keep the name and value they send ----

  function hold(form, button) {
    form.setAttribute("aria-busy", "true");
    if (button) button.dataset.pressed = "";
  }

  function release(form) {
    form.removeAttribute("aria-busy");
    form.querySelectorAll("[data-pressed]").forEach((button) => delete button.dataset.pressed);
  }

  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return; // htmx has taken it
    const form = event.target;
    if (form.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      return;
    }
    hold(form, event.submitter);
    // A lost line leaves the page standing: the same form may be sent again, and makes one row.
    setTimeout(() => release(form), RELEASE_AFTER_MS);
  });

  // A button that waits keeps the focus, so it is not `disabled`; it only refuses.
  document.addEventListener(
    "click",
    (event) => {
      if (event.target.closest("[aria-disabled='true']")) {
        event.preventDefault();
        event.stopPropagation();
      }
    },
    true,
  );

  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[aria-busy]").forEach(release);
  });

  // ---- Errors take the focus ----

  function focusErrors(root) {
    const summary = root.querySelector("[data-error-summary]");
    if (summary) summary.focus();
    return Boolean(summary);
  }

  // ---- Countdown: "Consultar Banesco" opens when the wait is over ----

  function tickCountdowns() {
    document.querySelectorAll("[data-countdown]").forEach((element) => {
      const before = element.dataset.countdown;
      const left = Number(before) - 1;
      const form = element.closest("form");
      element.dataset.countdown = String(left);
      element.textContent = String(Math.max(left, 0));
      form.querySelectorAll("[data-countdown-sentence]").forEach((sentence) => {
        sentence.textContent = sentence.textContent.replace(before, String(left));
      });
      if (left > 0) return;
      element.parentElement.hidden = true;
      delete element.dataset.countdown;
      form.querySelectorAll("[aria-disabled]").forEach((button) => button.removeAttribute("aria-disabled"));
      form.querySelectorAll("[data-countdown-done]").forEach((sentence) => {
        sentence.textContent = sentence.dataset.countdownDone;
      });
    });
  }

  // ---- A sentence counts the seconds that it names; what comes then, the next poll shows ----

  function tickSentences() {
    document.querySelectorAll("[data-ticks]").forEach((sentence) => {
      const before = sentence.dataset.ticks;
      const left = Number(before) - 1;
      if (left < 1) {
        delete sentence.dataset.ticks;
        return;
      }
      sentence.dataset.ticks = String(left);
      sentence.textContent = sentence.textContent.replace(before, String(left));
    });
  }

  // ---- Polling: while something may change, in a visible tab, never under somebody's hands ----

  const waited = new WeakMap();
  let slower = 1;

  function isInUse(element) {
    const active = document.activeElement;
    if (element.querySelector("details[open]")) return true;
    if (element.contains(active) && active.matches("input, select, textarea")) return true;
    return [...element.querySelectorAll("textarea")].some((field) => field.value !== field.defaultValue);
  }

  function tickPolls() {
    if (document.hidden) return;
    document.querySelectorAll("[data-poll]").forEach((element) => {
      const seconds = (waited.get(element) || 0) + 1;
      waited.set(element, seconds);
      const due = Math.min(Number(element.dataset.poll) * slower, LONGEST_POLL_S);
      if (seconds < due || isInUse(element)) return;
      waited.set(element, 0);
      window.htmx.trigger(element, "poll");
    });
  }

  setInterval(() => {
    tickCountdowns();
    tickSentences();
    tickPolls();
  }, 1000);

  // ---- What a refresh changed is said once, and only that ----

  let known = new Map();

  function announceChanges(first) {
    const now = new Map();
    const changes = [];
    document.querySelectorAll("[data-announce-key]").forEach((element) => {
      const key = element.dataset.announceKey;
      const words = element.dataset.announce;
      now.set(key, words);
      if (known.has(key) && known.get(key) !== words) {
        changes.push(words);
        element.classList.add("changed");
      }
    });
    known = now;
    if (!first && changes.length) document.getElementById("announcer").textContent = changes.join(". ");
  }

  // ---- htmx: swaps, failures and the focus after them ----

  function showRequestError(when) {
    const banner = document.getElementById("request-error");
    if (!banner) return;
    banner.hidden = when === null;
    banner.querySelectorAll("[data-when]").forEach((line) => {
      line.hidden = line.dataset.when !== when;
    });
  }

  document.addEventListener("htmx:configRequest", (event) => {
    // Filters that say nothing stay out of the address.
    if (event.detail.verb !== "get") return;
    [...event.detail.formData].forEach(([name, value]) => {
      if (value === "") event.detail.formData.delete(name);
    });
  });

  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.detail.elt;
    if (!form.matches("form")) return;
    const trigger = event.detail.requestConfig.triggeringEvent;
    hold(form, trigger && trigger.submitter);
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt.matches("form")) release(event.detail.elt);
    if (event.detail.xhr.status === 304) answered(); // nothing changed, so nothing is swapped
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    // A whole page where a part was asked for is a sign-in or an error page: it has no place inside this one.
    if (/^\s*<!doctype/i.test(event.detail.serverResponse)) {
      event.detail.shouldSwap = false;
      failed(event.detail.xhr.status < 400 ? "signed-out" : "failed");
    }
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    answered();
    announceChanges(false);
    const source = event.detail.requestConfig && event.detail.requestConfig.elt;
    const method = event.detail.requestConfig && event.detail.requestConfig.verb;
    if (method === "post" && focusErrors(document)) return;
    document.querySelectorAll("[data-payment-form]").forEach(applyKind);
    if (source && source.matches("[data-notice]")) focusNextEmpty();
    const next = source && source.dataset.focusAfter && document.querySelector(source.dataset.focusAfter);
    if (next) next.focus();
  });

  function answered() {
    slower = 1;
    showRequestError(null);
  }

  function failed(when) {
    slower = Math.min(slower * 2, 16);
    showRequestError(when);
  }

  document.addEventListener("htmx:sendError", () => failed("offline"));
  document.addEventListener("htmx:timeout", () => failed("offline"));
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    const gone = status === 404 || status === 410;
    failed(gone ? "gone" : status === 401 || status === 403 ? "signed-out" : "failed");
  });

  // ---- Filters answer to a choice at once ----

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
  });

  // ---- The payment form shows the fields that its kind needs ----

  function applyKind(form) {
    const chosen = form.querySelector("[name='bank']:checked");
    form.querySelectorAll("[data-applies]").forEach((field) => {
      const wrong = field.querySelector("[aria-invalid]");
      const applies = !chosen || wrong || field.dataset.applies === chosen.value;
      field.hidden = !applies;
      // What is hidden is not sent: a bank chosen before the kind changed would be a false statement.
      field.querySelectorAll("input, select").forEach((control) => {
        control.disabled = !applies;
      });
    });
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-payment-form] [name='bank']")) applyKind(event.target.form);
  });

  // ---- A notice may be pasted anywhere on the payment's form: several words are no value of a field ----

  document.addEventListener("paste", (event) => {
    const notice = document.querySelector("[data-notice]");
    const text = event.clipboardData ? event.clipboardData.getData("text/plain") : "";
    const isNotice = text.length > 30 && /\d{3}/.test(text) && /[a-z]{3}/i.test(text);
    if (!notice || !isNotice || event.target.closest("textarea")) return;
    event.preventDefault();
    notice.value = text;
    notice.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // After a notice was read, the focus goes to what it did not say, or to the button that saves.
  function focusNextEmpty() {
    const form = document.querySelector("[data-payment-form]");
    const empty = [...form.querySelectorAll("input[required], select[required]")].find(
      (control) => control.type !== "radio" && !control.disabled && !control.value,
    );
    (empty || form.querySelector(".form-actions [type='submit']")).focus();
  }

  // ---- Menus close like menus ----

  document.addEventListener("click", (event) => {
    document.querySelectorAll("[data-menu][open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    document.querySelectorAll("[data-menu][open]").forEach((menu) => {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });

  // ---- Start (the script is deferred: the page is there) ----

  focusErrors(document);
  announceChanges(true);
  document.querySelectorAll("[data-payment-form]").forEach(applyKind);
})();
