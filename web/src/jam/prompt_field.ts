// The field that prompts are typed into: weights in colour, a dice, suggestions.

import { $, create, input, setText } from "../shared/dom";
import { describeWeights, highlightWeights } from "../shared/prompt_weights";
import { rollPrompt, suggestPrompts } from "./prompt_suggestions";

const SYNTAX_HINT =
  "(word:1.3) makes a word count more, (word) a little more, [word] a little less.";
const SUGGESTIONS = 4;

const field = input("prompt");

/** What is typed, without blanks around it. */
export function getPrompt(): string {
  return field.value.trim();
}

/** Put a text into the field. */
export function setPrompt(text: string): void {
  field.value = text;
  showWeights();
}

/** Put a text into the field and select it, to be changed. */
export function editPrompt(text: string): void {
  setPrompt(text);
  field.focus();
  field.select();
}

/** Show a sentence below the field until something is typed. */
export function showHint(text: string): void {
  setText("hint", text);
}

export function initPromptField(): void {
  // With a base address, a mere #prompt would load another page.
  document.querySelector(".skip")!.addEventListener("click", (event) => {
    event.preventDefault();
    field.focus();
  });
  field.addEventListener("input", showWeights);
  for (const name of ["scroll", "keyup", "select"]) field.addEventListener(name, alignHighlight);
  $("dice").addEventListener("click", () => {
    editPrompt(rollPrompt());
    showSuggestions();
  });
  showSuggestions();
  showWeights();
}

/** Colour the weights and describe them in words. */
function showWeights(): void {
  $("ink").replaceChildren(...highlightWeights(field.value));
  alignHighlight();
  showHint(describeWeights(field.value) || SYNTAX_HINT);
}

/** The coloured text lies below a see-through field: both scroll together. */
function alignHighlight(): void {
  $("ink").scrollLeft = field.scrollLeft;
}

function showSuggestions(): void {
  const buttons = suggestPrompts(SUGGESTIONS).map((text) => {
    const button = create("button", { type: "button", textContent: text });
    button.addEventListener("click", () => editPrompt(text));
    return button;
  });
  $("chips").replaceChildren(...buttons);
}
