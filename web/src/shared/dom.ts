// The elements of the page's own markup, by id, and what several modules do with them.

import type { Refusal } from "./api";

/** The element of an id that the page's markup has. */
export function $<E extends HTMLElement = HTMLElement>(id: string): E {
  return document.getElementById(id) as E;
}

export const input = (id: string): HTMLInputElement => $(id);
export const select = (id: string): HTMLSelectElement => $(id);
export const button = (id: string): HTMLButtonElement => $(id);
export const dialog = (id: string): HTMLDialogElement => $(id);
export const link = (id: string): HTMLAnchorElement => $(id);

/** Change a text only where it differs: a screen reader reads what changes. */
export function setText(id: string, text: string): void {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
}

/** A new element with these properties. */
export function create<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(tag), properties);
}

/** A new link. */
export function createLink(
  href: string,
  textContent: string,
  more: Partial<HTMLAnchorElement> = {},
): HTMLAnchorElement {
  return create("a", { href, textContent, ...more });
}

/** The 2D context of a canvas. */
export function getContext2d(
  canvas: HTMLCanvasElement,
  options?: CanvasRenderingContext2DSettings,
): CanvasRenderingContext2D {
  return canvas.getContext("2d", options) as CanvasRenderingContext2D;
}

let toastTimer: number | undefined;

/** Show a short message, followed by links, for some milliseconds; an empty one hides it. */
export function showToast(text: string, ms = 3000, ...more: Node[]): void {
  clearTimeout(toastTimer);
  $("toast").replaceChildren(...(text ? [text, ...more] : []));
  toastTimer = window.setTimeout(() => $("toast").replaceChildren(), ms);
}

/**
 * Do something that RiffBot may refuse; where it does, show its sentence in `#complaint`.
 *
 * @param getAlternative - what to show behind the sentence, a link for example.
 * @returns whether it went well.
 */
export async function attempt(
  work: () => Promise<unknown>,
  getAlternative: (refusal: Refusal) => Node[] = () => [],
): Promise<boolean> {
  $("complaint").replaceChildren();
  try {
    await work();
    return true;
  } catch (error) {
    const refusal = error as Refusal;
    $("complaint").replaceChildren(refusal.message, ...getAlternative(refusal));
    return false;
  }
}
