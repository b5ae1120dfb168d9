/** What a denoising does, from each value up; the words are those of the prompt guide. */
const ADVICE: readonly (readonly [from: number, advice: string])[] = [
  [0.0, "Returns the seed image as it is."],
  [0.2, "Stays close to the seed image: a change of colour more than of tune."],
  [0.45, "Keeps the shape of the seed image and lets the prompt dress it."],
  [0.65, "Does a good job of keeping on beat for most prompts. 0.75 is the default."],
  [
    0.82,
    "More creative, and less like the seed image: often fun, but it can quickly result in chaotic transitions and tempos.",
  ],
  [0.99, "Forgets the seed image."],
];

/** One sentence on what a denoising of 0 … 1 does. */
export function getDenoisingAdvice(denoising: number): string {
  return ADVICE.findLast(([from]) => denoising >= from)?.[1] ?? "";
}
