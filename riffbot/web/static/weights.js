// Weights as they are typed, read as riffbot/prompt.py reads them: round and square brackets do
// not see each other, and what is never closed counts to the end.

const STEP = 1.1;

/** @typedef {{ piece: string, weight: number, syntax: boolean }} Run */

/**
 * Text as runs with the weight that each will get.
 *
 * @param {string} text
 * @returns {Run[]}
 */
export function runs(text) {
  /** @type {Record<string, any[]>} */
  const open = { "(": [], "[": [] };
  /** @type {Run[]} */
  const found = [];
  const add = (/** @type {string} */ piece, /** @type {boolean} */ syntax) => found.push({ piece, weight: 1, syntax });
  const close = (/** @type {string} */ bracket, /** @type {number} */ factor) => {
    for (const run of found.slice(open[bracket].pop())) run.weight *= factor;
  };
  const parts = text.matchAll(
    /\\[()[\]\\]?|:\s*([+-]?[.\d][\w.+-]*|nan|inf(?:inity)?)\s*\)|[()[\]]|[^\\()[\]:]+|:/gi,
  );
  for (const [piece, weight] of parts) {
    if (piece === "(" || piece === "[") {
      open[piece].push(found.length);
      add(piece, true);
    } else if (weight !== undefined && open["("].length) {
      const word = Number.isNaN(Number(weight)) && !/^nan$|^[+-]?inf|^[+-]?[.\d]+$/i.test(weight);
      add(piece, !word);
      close("(", word ? STEP : Number(weight));
    } else if (piece === ")" && open["("].length) {
      add(piece, true);
      close("(", STEP);
    } else if (piece === "]" && open["["].length) {
      add(piece, true);
      close("[", 1 / STEP);
    } else {
      add(piece, false);
    }
  }
  while (open["("].length) close("(", STEP);
  while (open["["].length) close("[", 1 / STEP);
  return found;
}

/** Spans that carry the weights as classes. @param {string} text */
export function inked(text) {
  return runs(text).map(({ piece, weight }) => {
    const span = document.createElement("span");
    span.textContent = piece;
    if (!Number.isFinite(weight) || weight < 0 || weight > 10) span.className = "bad-weight";
    else if (weight > 1.001) span.className = "more-weight";
    else if (weight < 0.999) span.className = "less-weight";
    return span;
  });
}

/** The weights in words, for ears. @param {string} text */
export function spoken(text) {
  const words = runs(text)
    .filter((run) => !run.syntax && run.piece.trim() && Math.abs(run.weight - 1) > 0.001)
    .map((run) => `${run.piece.trim()} ×${+run.weight.toFixed(2)}`);
  return words.length ? `Weighted: ${words.join(", ")}.` : "";
}
