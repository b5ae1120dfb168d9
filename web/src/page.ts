// What every part of the page uses: its elements, its short messages, its memory.

import { $ } from "../../riffbot/web/static/api.js";

export { $, api, copyText, rememberRiff, riffInstead, send } from "../../riffbot/web/static/api.js";

export const field = (id: string): HTMLInputElement => $(id);
export const select = (id: string): HTMLSelectElement => $(id);
export const dialog = (id: string): HTMLDialogElement => $(id);

/** Change a text only where it is another: a screen reader reads what changes. */
export function set(id: string, text: string): void {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
}

let toasting: number | undefined;
export function toast(text: string, ms = 3000, ...more: Node[]): void {
  clearTimeout(toasting);
  $("toast").replaceChildren(...(text ? [text, ...more] : []));
  toasting = window.setTimeout(() => $("toast").replaceChildren(), ms);
}

/** What RiffBot says where it refuses something, and what it offers in its place. */
export interface Refusal extends Error {
  offer?: string;
}

/**
 * Do something that RiffBot may refuse; whether it went well. Its sentence is shown where not, with
 * what `instead` makes of it.
 */
export async function attempt(
  work: () => Promise<unknown>,
  instead: (refusal: Refusal) => Node[] = () => [],
): Promise<boolean> {
  $("complaint").replaceChildren();
  try {
    await work();
    return true;
  } catch (error) {
    const refusal = error as Refusal;
    $("complaint").replaceChildren(refusal.message, ...instead(refusal));
    return false;
  }
}

export function anchor(
  href: string,
  textContent: string,
  more: Partial<HTMLAnchorElement> = {},
): HTMLAnchorElement {
  return Object.assign(document.createElement("a"), { href, textContent, ...more });
}

export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(`riffbot-${name}`);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`riffbot-${name}`, value);
  } catch {
    // a private window forgets
  }
}
