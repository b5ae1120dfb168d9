// Weights as they are typed, read as riffbot/prompt.py reads them: round and square brackets do
// not see each other, and what is never closed counts to the end.

const STEP = 1.1;

/** @typedef {{ piece: string, weight: number, syntax: boolean }} Run */

// The classes are Python's: \w and \d know other scripts, and \s has a few more characters.
const BLANKS = "[\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]*";
const TOKENS = new RegExp(
  String.raw`\\[()[\]\\]?` +
    String.raw`|:(${BLANKS})([+-]?(?:[.\p{Nd}][\p{L}\p{N}_.+-]*|nan|inf(?:inity)?))${BLANKS}\)` +
    String.raw`|[()[\]]|[^\\()[\]:]+|:`,
  "giu",
);

/** A digit of any script as 0 to 9: they stand ten in a row. @param {string} digit */
function ascii(digit) {
  let before = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(/** @type {number} */ (digit.codePointAt(0)) - before - 1))) before++;
  return String(before % 10);
}

/**
 * What a number behind a colon weighs; null where it is text, NaN where it is refused.
 *
 * @param {string} number
 * @param {string} blanks between the colon and it
 * @param {string} before all that stands before the colon
 * @returns {number | null}
 */
function weighed(number, blanks, before) {
  if (number.includes("_")) return null;
  const plain = number.replace(/\p{Nd}/gu, ascii);
  const digits = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain);
  if (!digits && !/^[+-]?([.\d]+|nan|inf(inity)?)$/i.test(plain)) return null;
  const weight = digits ? Number(plain) : NaN;
  if (weight >= 0 && weight <= 10) return weight;
  const time = /(?<![\p{L}\p{N}_.])\p{Nd}{1,3}$/u.test(before) && /^\d{1,3}$/.test(plain);
  return blanks || time ? null : NaN;
}

/**
 * Text as runs with the weight that each will get; NaN is a weight that will be refused.
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
  for (const token of text.matchAll(TOKENS)) {
    const [piece, blanks, number] = token;
    if (piece === "(" || piece === "[") {
      open[piece].push(found.length);
      add(piece, true);
    } else if (number !== undefined && open["("].length) {
      const weight = weighed(number, blanks, text.slice(0, token.index));
      if (weight === null) add(piece.slice(0, -1), false);
      add(weight === null ? ")" : piece, true);
      close("(", weight ?? STEP);
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
