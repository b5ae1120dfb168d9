// Where no jam can be played, a single riff still can: a link opens the form of single riffs, filled
// in, and a click on it also sends the form.

import { create } from "./dom";

const REQUESTED = "riffbot-riff-asked";

/**
 * A link that makes a single riff with the settings of a jam that was refused.
 *
 * @param settings - prompt and settings, named as in the form.
 */
export function createRiffLink(settings: Record<string, string | number>): HTMLAnchorElement {
  const entries = Object.entries(settings).map(([name, value]) => [name, String(value)]);
  const link = create("a", {
    href: `riffs#${new URLSearchParams(entries)}`,
    textContent: "Make a single riff of it",
    className: "instead",
  });
  link.addEventListener("click", () => {
    try {
      // Not in the link itself: a link that somebody is sent fills in the form and does no more.
      sessionStorage.setItem(REQUESTED, "1");
    } catch {
      // where nothing is remembered, the form is only filled in
    }
  });
  return link;
}

/** Whether this page was opened by a click on such a link; true once. */
export function takeRiffRequest(): boolean {
  try {
    const requested = sessionStorage.getItem(REQUESTED) !== null;
    sessionStorage.removeItem(REQUESTED);
    return requested;
  } catch {
    return false;
  }
}
