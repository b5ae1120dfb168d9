// The ranges are those of riffbot/clips/denoising_advice.py, written by `python web/generate_types.py`.

import ranges from "./denoising_advice.json";

/** One sentence on what a denoising of 0 … 1 does. */
export function getDenoisingAdvice(denoising: number): string {
  return ranges.findLast(({ start }) => denoising >= start)?.advice ?? "";
}
