// The field that prompts are typed into: weights lit up, dice, suggestions.

import { inked, spoken } from "../../riffbot/web/static/weights.js";
import { $, field, set } from "./page";
import { rolled, suggestions } from "./words";

const input = field("prompt");

export const typed = (): string => input.value.trim();

/** Light up the weights and tell them in words. */
function ink(): void {
  $("ink").replaceChildren(...inked(input.value));
  $("ink").scrollLeft = input.scrollLeft;
  say(
    spoken(input.value) ||
      "(word:1.3) makes a word count more, (word) a little more, [word] a little less.",
  );
}

export function say(text: string): void {
  set("hint", text);
}

export function write(text: string): void {
  input.value = text;
  ink();
}

/** Put a text there and let it be changed. */
export function edit(text: string): void {
  write(text);
  input.focus();
  input.select();
}

function chips(): void {
  $("chips").replaceChildren(
    ...suggestions(4).map((text) => {
      const button = Object.assign(document.createElement("button"), {
        type: "button",
        textContent: text,
      });
      button.addEventListener("click", () => edit(text));
      return button;
    }),
  );
}

export function wirePrompt(): void {
  // With a base address, a mere #prompt would load another page.
  document.querySelector(".skip")!.addEventListener("click", (event) => {
    event.preventDefault();
    input.focus();
  });
  input.addEventListener("input", ink);
  for (const name of ["scroll", "keyup", "select"])
    input.addEventListener(name, () => ($("ink").scrollLeft = input.scrollLeft));
  $("dice").addEventListener("click", () => {
    edit(rolled());
    chips();
  });
  chips();
  ink();
}
