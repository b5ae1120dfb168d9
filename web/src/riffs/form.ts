// The form of single riffs: what it says, what fills it, and the words beside its fields.

import { getDenoisingAdvice } from "../shared/denoising_advice";
import { $, input } from "../shared/dom";
import { parseNumber } from "../shared/format";
import { showHarmonyInfo } from "../shared/harmony";
import { describeWeights, highlightWeights } from "../shared/prompt_weights";
import type { Info, NewRiff, Riff, SeedImage } from "../shared/protocol";

export const NUMBERS = ["seed", "bpm", "steps", "guidance", "denoising"] as const;
export const TEXTS = ["prompt", "negative", "key", "chords", "seed_image", "scheduler"] as const;

const DEFAULT_DENOISING = 0.75;

type Field = HTMLInputElement & HTMLTextAreaElement;
type Name = (typeof NUMBERS)[number] | (typeof TEXTS)[number];

/** What the form sends; a text where a number was mistyped. */
export type FormRequest = Partial<Record<keyof NewRiff, string | number>> & { prompt: string };

/** What fills the form: a riff's request, or the settings in a link. */
export type FormSettings = Partial<Record<Name, string | number | null>>;

export class RiffForm {
  readonly element = $<HTMLFormElement>("form");
  /** The riff that is being remixed. */
  parent: Riff | null = null;
  private readonly seedImages = new Map<string, SeedImage>();
  private readonly seedImage = $<HTMLSelectElement>("seed-image");
  private readonly promptHint = $("prompt-hint").innerHTML;

  constructor(submit: () => void) {
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      submit();
    });
    this.element.addEventListener("keydown", (event) => this.pressKey(event));
    this.field("prompt").addEventListener("input", () => this.showWeights());
    this.field("negative").addEventListener("input", () => this.showWeights());
    this.field("denoising").addEventListener("input", () => this.showHints());
    this.seedImage.addEventListener("change", () => this.showHints());
    $("dice").addEventListener("click", () => this.rollSeed());
    this.showWeights();
    this.showHints();
  }

  /** Take defaults, schedulers and seed images from what RiffBot says of itself. */
  setInfo(info: Info): void {
    const { defaults, schedulers, seed_images } = info;
    showHarmonyInfo(info, "chords-hint");
    this.field("steps").placeholder = String(defaults.steps ?? "");
    this.field("guidance").placeholder = String(defaults.guidance ?? "");
    const scheduler = $<HTMLSelectElement>("scheduler");
    for (const name of schedulers) scheduler.add(new Option(name, name));
    for (const seed of seed_images) {
      this.seedImages.set(seed.name, seed);
      this.seedImage.add(new Option(seed.label, seed.name));
    }
    this.showHints();
  }

  /** What the form says, without what is left open. */
  read(): FormRequest {
    const request: FormRequest = { prompt: "" };
    for (const name of TEXTS) {
      const text = this.field(name).value.trim();
      if (text) request[name] = text;
    }
    for (const name of NUMBERS) {
      const text = this.field(name).value.trim();
      if (!text || (name === "bpm" && request.seed_image)) continue;
      const number = parseNumber(text);
      // What is no number is sent as typed: RiffBot answers with the sentence that fits.
      request[name] = Number.isNaN(number) ? text.replace(",", ".") : number;
    }
    if (!request.seed_image) delete request.denoising;
    else if (this.parent && request.seed_image === this.parent.picture_ref) {
      request.parent = this.parent.id; // a remix knows what it was made from
    }
    return request;
  }

  /** Fill the form with the settings of a riff or of a link; the rest gets its default. */
  fill(settings: FormSettings): void {
    const seedImage = String(settings.seed_image ?? "");
    const isListed = [...this.seedImage.options].some(({ value }) => value === seedImage);
    if (seedImage && !isListed) {
      this.seedImage.add(new Option("the picture of another riff", seedImage));
    }
    for (const name of [...TEXTS, ...NUMBERS]) {
      const whenMissing = name === "denoising" ? DEFAULT_DENOISING : "";
      this.field(name).value = String(name in settings ? (settings[name] ?? "") : whenMissing);
    }
    const scheduler = $<HTMLSelectElement>("scheduler");
    if (scheduler.selectedIndex < 0) scheduler.value = "";
    this.showWeights();
    this.showHints();
  }

  /** Put a random seed into the form. @returns the seed. */
  rollSeed(): number {
    const [seed] = crypto.getRandomValues(new Uint32Array(1));
    this.field("seed").value = String(seed);
    return seed;
  }

  /** Select the prompt, to be changed. */
  editPrompt(): void {
    this.field("prompt").focus();
    this.field("prompt").select();
  }

  /** The name of a seed image; undefined for the picture of another riff. */
  getSeedImageName(seedImage: string): string | undefined {
    return this.seedImages.get(seedImage)?.name;
  }

  private field(name: Name): Field {
    return this.element.elements.namedItem(name) as Field;
  }

  private pressKey(event: KeyboardEvent): void {
    if (event.key !== "Enter") return;
    const isWithControl = event.ctrlKey || event.metaKey;
    const isNegative = event.target === this.field("negative");
    if (!isWithControl && !isNegative) return;
    // The negative prompt looks like a single line: Enter there sends the form.
    if (!isWithControl) event.preventDefault();
    this.element.requestSubmit();
  }

  /** Colour the weights of both prompts, and describe those of the prompt in words. */
  private showWeights(): void {
    tint(this.field("prompt"), $("prompt-ink"));
    tint(this.field("negative"), $("negative-ink"));
    const words = describeWeights(this.field("prompt").value);
    if (words) $("prompt-hint").textContent = words;
    else $("prompt-hint").innerHTML = this.promptHint; // our own markup, put back
  }

  private showHints(): void {
    const denoising = Number(this.field("denoising").value);
    const chosen = this.seedImage.value;
    const seed = this.seedImages.get(chosen);
    $("denoising-value").textContent = denoising.toFixed(2);
    $("denoising-field").toggleAttribute("data-idle", !chosen);
    $("denoising-hint").textContent = chosen
      ? getDenoisingAdvice(denoising)
      : "How far to leave the seed image. Without one it changes nothing.";
    const bpm = input("bpm");
    bpm.disabled = Boolean(chosen);
    bpm.placeholder = chosen ? (seed?.bpm ? `${+seed.bpm.toFixed(1)}` : "the picture’s") : "free";
    $("bpm-hint").textContent = chosen ? "The seed image sets it." : "40 to 240 beats a minute.";
    $("seed-image-hint").textContent =
      seed?.words || "A picture to start from. It locks in the tempo and the overall vibe.";
  }
}

/** Show a see-through field's text in colours below it. */
function tint(field: HTMLTextAreaElement, ink: HTMLElement): void {
  ink.replaceChildren(...highlightWeights(field.value), "\u200b");
  // Firefox has no field-sizing yet.
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}
