// The weights of a prompt, read as riffbot/prompt.py reads them: round and square brackets are
// matched independently of each other, and a bracket that is never closed counts to the end.
// tests/riffbot/prompts.json holds both parsers to the same cases.

/** What one pair of brackets multiplies a weight by. */
const EMPHASIS = 1.1;
const MAX_WEIGHT = 10;

/** A piece of a prompt; the pieces of all runs together are the prompt. */
export interface PromptRun {
  piece: string;
  /** NaN or outside 0 … 10 where RiffBot will refuse it. */
  weight: number;
  /** Whether the piece is a bracket or a number, which the model does not see. */
  syntax: boolean;
}

// The classes are Python's: \w and \d know other scripts, and \s has a few more characters.
const BLANKS =
  "[\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]*";
const TOKENS = new RegExp(
  String.raw`\\[()[\]\\]?` +
    String.raw`|:(${BLANKS})([+-]?(?:[.\p{Nd}][\p{L}\p{N}_.+-]*|nan|inf(?:inity)?))${BLANKS}\)` +
    String.raw`|[()[\]]|[^\\()[\]:]+|:`,
  "giu",
);

/** Whether RiffBot takes a weight. */
export function isValidWeight(weight: number): boolean {
  return weight >= 0 && weight <= MAX_WEIGHT;
}

/** Split a prompt into runs with the weight that each will get. */
export function parsePrompt(text: string): PromptRun[] {
  const open: Record<"(" | "[", number[]> = { "(": [], "[": [] };
  const runs: PromptRun[] = [];
  const add = (piece: string, syntax: boolean) => runs.push({ piece, weight: 1, syntax });
  const close = (bracket: "(" | "[", factor: number) => {
    for (const run of runs.slice(open[bracket].pop())) run.weight *= factor;
  };
  for (const token of text.matchAll(TOKENS)) {
    const [piece, blanks, number] = token;
    if (piece === "(" || piece === "[") {
      open[piece].push(runs.length);
      add(piece, true);
    } else if (number !== undefined && open["("].length) {
      const weight = parseWeight(number, blanks, text.slice(0, token.index));
      if (weight === null) add(piece.slice(0, -1), false);
      add(weight === null ? ")" : piece, true);
      close("(", weight ?? EMPHASIS);
    } else if (piece === ")" && open["("].length) {
      add(piece, true);
      close("(", EMPHASIS);
    } else if (piece === "]" && open["["].length) {
      add(piece, true);
      close("[", 1 / EMPHASIS);
    } else {
      add(piece, false);
    }
  }
  while (open["("].length) close("(", EMPHASIS);
  while (open["["].length) close("[", 1 / EMPHASIS);
  return runs;
}

/**
 * The weight that a number behind a colon gives; null where it is text, NaN where it is refused.
 *
 * @param number - what stands behind the colon.
 * @param blanks - what stands between the colon and it.
 * @param before - everything before the colon: "12" before ":30" makes it a time.
 */
function parseWeight(number: string, blanks: string, before: string): number | null {
  if (number.includes("_")) return null;
  const plain = number.replace(/\p{Nd}/gu, toAsciiDigit);
  const isDecimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain);
  if (!isDecimal && !/^[+-]?([.\d]+|nan|inf(inity)?)$/i.test(plain)) return null;
  const weight = isDecimal ? Number(plain) : Number.NaN;
  if (isValidWeight(weight)) return weight;
  const isTime = /(?<![\p{L}\p{N}_.])\p{Nd}{1,3}$/u.test(before) && /^\d{1,3}$/.test(plain);
  return blanks || isTime ? null : Number.NaN;
}

/** A decimal digit of any script as 0 … 9: in Unicode each script has its ten in a row. */
function toAsciiDigit(digit: string): string {
  const code = digit.codePointAt(0) as number;
  let before = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(code - before - 1))) before++;
  return String(before % 10);
}
