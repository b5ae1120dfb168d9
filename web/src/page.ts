// What every part of the page uses: its elements, its short messages, its memory.

import { $ } from "../../riffbot/web/static/api.js";

export { $, api, copyText, rememberRiff, send } from "../../riffbot/web/static/api.js";

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

/** Do something that RiffBot may refuse; whether it went well. Its sentence is shown where not. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  $("complaint").textContent = "";
  try {
    await work();
    return true;
  } catch (error) {
    $("complaint").textContent = (error as Error).message;
    return false;
  }
}

export function anchor(href: string, textContent: string, more: Partial<HTMLAnchorElement> = {}): HTMLAnchorElement {
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
