// The page must read weights exactly as riffbot/prompt.py does: both are held to the same cases.

import { describe, expect, test } from "vitest";
import cases from "../../../tests/riffbot/prompts.json";
import { parsePrompt } from "../../src/shared/prompt_parser";
import { describeWeights } from "../../src/shared/prompt_weights";

type Fragment = [text: string, weight: number];

/** The fragments that riffbot.prompt.parse returns; null where it refuses the prompt. */
function parse(prompt: string): Fragment[] | null {
  const fragments: Fragment[] = [];
  for (const { piece, weight, syntax } of parsePrompt(prompt)) {
    if (!(weight >= 0 && weight <= 10)) return null;
    const text = syntax ? "" : piece.replace(/\\([()[\]\\]?)/g, "$1");
    const last = fragments.at(-1);
    if (text && last?.[1] === weight) last[0] += text;
    else if (text) fragments.push([text, weight]);
  }
  return fragments.length ? fragments : [["", 1]];
}

const rounded = (fragments: Fragment[] | null) =>
  fragments?.map(([text, weight]) => [text, +weight.toFixed(9)]);

describe("the shared cases", () => {
  test.each(cases as { prompt: string; fragments?: Fragment[] }[])("$prompt", (one) => {
    expect(rounded(parse(one.prompt))).toEqual(rounded(one.fragments ?? null));
  });
});

test("every character of the prompt is in exactly one run", () => {
  for (const { prompt } of cases) {
    expect(
      parsePrompt(prompt)
        .map(({ piece }) => piece)
        .join(""),
    ).toBe(prompt);
  }
});

describe("weights in words", () => {
  test("name what counts more or less, brackets left out", () => {
    expect(describeWeights("funky (saxophone:1.3) [drums]")).toBe(
      "Weighted: saxophone ×1.3, drums ×0.91.",
    );
  });

  test("are empty where nothing is weighted", () => {
    expect(describeWeights("funky saxophone at 12:30")).toBe("");
  });
});
