// Talking to RiffBot, for every page of it: the plain ones here and the built one (web/src).

/** The element of an id, which is there: the page's own markup. */
export const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

/**
 * The JSON answer of an address under api/.
 *
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<any>}
 * @throws {Error & { offer?: string }} with the sentence to show
 */
export async function api(path, options = {}) {
  let response;
  try {
    response = await fetch(`api/${path}`, options);
  } catch {
    throw new Error("RiffBot does not answer. Is it still running?");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    // `offer` names what works where this does not: "riff" is a single riff.
    throw Object.assign(new Error(body.error || `RiffBot answered ${response.status}.`), { offer: body.offer });
  }
  return body;
}

/**
 * The same for what changes something.
 *
 * @param {"POST" | "DELETE"} method
 * @param {string} path
 * @param {object} [body]
 */
export const send = (method, path, body) =>
  api(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) });

/** Put text on the clipboard. @param {string} text */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(field);
    field.select();
    document.execCommand("copy"); // the only way on a page without https
    field.remove();
  }
}

const MINE = 24;

/** The ids of the riffs that were made or kept in this browser, the newest first. @returns {string[]} */
export function myRiffs() {
  try {
    return JSON.parse(localStorage.getItem("riffbot-mine") ?? "[]");
  } catch {
    return []; // a private window forgets
  }
}

/** Remember one of them: where nothing is listed, this browser alone knows its link. @param {string} id */
export function rememberRiff(id) {
  try {
    localStorage.setItem("riffbot-mine", JSON.stringify([id, ...myRiffs().filter((other) => other !== id)].slice(0, MINE)));
  } catch {
    // a private window forgets
  }
}

const ASKED = "riffbot-riff-asked";

/**
 * A link that makes a single riff of what a jam was to play: a click opens the form and sends it.
 *
 * @param {Record<string, string | number>} wish prompt and settings, as the form calls them
 * @returns {HTMLAnchorElement}
 */
export function riffInstead(wish) {
  const link = document.createElement("a");
  const settings = new URLSearchParams(Object.entries(wish).map(([name, value]) => [name, String(value)]));
  link.href = `riffs#${settings}`;
  link.textContent = "Make a single riff of it";
  link.className = "instead";
  link.addEventListener("click", () => {
    try {
      // Not in the link itself: one that somebody is sent fills in the form and does no more.
      sessionStorage.setItem(ASKED, "1");
    } catch {
      // where nothing is remembered, the form is filled in
    }
  });
  return link;
}

/** Whether this page was opened by such a click; only once. @returns {boolean} */
export function riffWasAsked() {
  try {
    const asked = sessionStorage.getItem(ASKED) !== null;
    sessionStorage.removeItem(ASKED);
    return asked;
  } catch {
    return false;
  }
}
