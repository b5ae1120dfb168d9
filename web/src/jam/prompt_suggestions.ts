// Prompts by chance, for the dice and the suggestions.

const FEELS = [
  "funky",
  "dreamy",
  "slow",
  "jamaican",
  "arabic",
  "midnight",
  "joyful",
  "dusty",
  "icy",
  "lo-fi",
  "sunny",
  "smoky",
  "spacious",
  "driving",
];
const SOUNDS = [
  "saxophone",
  "violin",
  "church bells",
  "piano",
  "acoustic guitar",
  "flute",
  "hammond organ",
  "trumpet",
  "marimba",
  "strings",
  "synth bass",
  "accordion",
  "harp",
];
const STYLES = [
  "jazz",
  "gospel",
  "bossa nova",
  "techno",
  "blues",
  "funk",
  "dub",
  "folk",
  "house",
  "tango",
  "hip hop",
  "ambient",
  "swing",
  "disco",
];
const PLACES = [
  "",
  "",
  "",
  " in the rain",
  " at sunrise",
  " in a cathedral",
  " on a rooftop",
  " by the sea",
];

const WRITTEN = [
  "funky (saxophone:1.3) riff",
  "church bells in the rain",
  "acoustic folk violin jam",
  "jamaican dub, deep bass",
  "arabic gospel, slow piano",
  "lo-fi beat with [vinyl noise]",
  "bossa nova with nylon guitar",
  "techno with a driving synth bass",
];

const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)];

/** A prompt put together by chance. */
export function rollPrompt(): string {
  return `${pick(FEELS)} ${pick(STYLES)} with ${pick(SOUNDS)}${pick(PLACES)}`;
}

/** So many different prompts, half of them written by hand. */
export function suggestPrompts(count: number): string[] {
  const found = new Set<string>();
  while (found.size < count) found.add(Math.random() < 0.5 ? pick(WRITTEN) : rollPrompt());
  return [...found];
}
