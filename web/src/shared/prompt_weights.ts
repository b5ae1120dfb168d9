// The weights of a prompt shown while it is typed: as colours, and in words for screen readers.

import { create } from "./dom";
import { isValidWeight, parsePrompt } from "./prompt_parser";

/** Weights this close to 1 are shown as 1. */
const TOLERANCE = 0.001;

/** The prompt as spans whose classes say which words count more, less, or will be refused. */
export function highlightWeights(text: string): HTMLSpanElement[] {
  return parsePrompt(text).map(({ piece, weight }) =>
    create("span", { textContent: piece, className: getWeightClass(weight) }),
  );
}

/** The weights in one sentence, for example "Weighted: saxophone ×1.3."; empty without any. */
export function describeWeights(text: string): string {
  const words = parsePrompt(text)
    .filter(({ piece, weight, syntax }) => {
      return !syntax && piece.trim() && Math.abs(weight - 1) > TOLERANCE;
    })
    .map(({ piece, weight }) => `${piece.trim()} ×${+weight.toFixed(2)}`);
  return words.length ? `Weighted: ${words.join(", ")}.` : "";
}

function getWeightClass(weight: number): string {
  if (!isValidWeight(weight)) return "bad-weight";
  if (weight > 1 + TOLERANCE) return "more-weight";
  if (weight < 1 - TOLERANCE) return "less-weight";
  return "";
}
