// Keys and chords on the page: what is offered, and what is said where the model knows none.

import { $ } from "./dom";
import type { Info } from "./protocol";

/** What is said in place of a field's hint where the model is told no key and no chords. */
export const UNKNOWN_HARMONY = "This model does not know keys and chords, so they change nothing.";

/** Fill the lists of keys and progressions. @param hint - the element that explains chords. */
export function showHarmonyInfo(info: Info, hint: string): void {
  $("keys").replaceChildren(...info.keys.map((key) => new Option(key, key)));
  $("progressions").replaceChildren(
    ...info.progressions.map(({ label, chords }) => new Option(label, chords)),
  );
  if (!info.knows_harmony) $(hint).textContent = UNKNOWN_HARMONY;
}
