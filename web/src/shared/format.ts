/** Seconds as minutes and seconds, for example "2:05". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** A typed number, with a decimal point or comma. @returns NaN where it is none. */
export function parseNumber(text: string): number {
  return Number(text.trim().replace(",", "."));
}
