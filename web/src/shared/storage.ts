// What this browser remembers. A private window may refuse to store anything: then nothing is
// remembered, and the page works all the same.

/** How many riffs a browser remembers as its own. */
const MAX_RIFFS = 24;
const RIFFS = "mine";

/** A remembered preference; null where there is none. */
export function recall(name: string): string | null {
  try {
    return localStorage.getItem(`riffbot-${name}`);
  } catch {
    return null;
  }
}

/** Remember a preference. */
export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`riffbot-${name}`, value);
  } catch {
    // a private window
  }
}

/** The ids of the riffs that were made or kept in this browser, the newest first. */
export function recallRiffs(): string[] {
  try {
    return JSON.parse(recall(RIFFS) ?? "[]");
  } catch {
    return [];
  }
}

/** Remember a riff: where RiffBot lists none, this browser alone knows its link. */
export function rememberRiff(id: string): void {
  const others = recallRiffs().filter((other) => other !== id);
  remember(RIFFS, JSON.stringify([id, ...others].slice(0, MAX_RIFFS)));
}
