import { expect, test } from "vitest";
import { getDenoisingAdvice } from "../../src/shared/denoising_advice";

test("the advice is that of the range which a denoising lies in", () => {
  expect(getDenoisingAdvice(0)).toBe("Returns the seed image as it is.");
  expect(getDenoisingAdvice(0.75)).toContain("0.75 is the default");
  expect(getDenoisingAdvice(0.81)).toBe(getDenoisingAdvice(0.65));
  expect(getDenoisingAdvice(1)).toBe("Forgets the seed image.");
});
