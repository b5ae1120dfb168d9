// The riff that is shown: its spectrogram with the playhead, its sound, its files, its recipe.

import { get } from "../shared/api";
import { $, createLink, link } from "../shared/dom";
import type { Riff, RiffFamily } from "../shared/protocol";
import { drawSpectrogram } from "../shared/spectrogram";
import { NUMBERS, TEXTS } from "./form";

/** Settings that no field of the form holds, but a link may. */
const RECIPE_ONLY = ["alpha", "mask", "width"] as const;

interface ShowOptions {
  play?: boolean;
  /** Whether the title is focused, for screen readers; as `play` unless it is said. */
  focus?: boolean;
  /** Whether the riff's address becomes that of the page. */
  setAddress?: boolean;
}

export class ClipView {
  riff: Riff | null = null;
  readonly canvas = $<HTMLCanvasElement>("spectrogram");
  private readonly player = $<HTMLAudioElement>("player");
  private readonly reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

  /**
   * @param isCovered - whether something else is shown in the riff's place.
   * @param getSeedImageName - undefined where the seed image is the picture of another riff.
   */
  constructor(
    private readonly isCovered: () => boolean,
    private readonly getSeedImageName: (seedImage: string) => string | undefined,
  ) {
    for (const name of ["play", "timeupdate", "seeked"]) {
      this.player.addEventListener(name, this.movePlayhead);
    }
    addEventListener("resize", this.movePlayhead);
    this.canvas.addEventListener("click", (event) => this.seek(event));
    addEventListener("keydown", (event) => this.pressKey(event));
  }

  show(riff: Riff, { play = false, focus = play, setAddress = true }: ShowOptions = {}): void {
    this.riff = riff;
    $("frame").dataset.state = "clip";
    $("clip").hidden = false;
    $("title").textContent = riff.request.prompt;
    $("facts").textContent = this.describe(riff);
    this.canvas.setAttribute("aria-label", riff.alt || "The clip's spectrogram.");
    void this.draw();
    this.player.src = riff.files.mp3;
    link("get-mp3").href = `${riff.files.mp3}?download`;
    link("get-png").href = `${riff.files.png}?download`;
    link("get-picture").href = `${riff.files.picture}?download`;
    $("recipe").textContent = JSON.stringify(riff.request, null, 2);
    document.title = `${riff.request.prompt} · RiffBot`;
    if (setAddress) history.pushState({ riff: riff.id }, "", riff.page);
    void this.showLineage(riff);
    if (focus) $("title").focus({ preventScroll: true });
    if (play) this.play();
  }

  /** Draw the spectrogram of all that is heard: of a stretch of a jam it is more than its picture. */
  async draw(): Promise<void> {
    const { riff } = this;
    if (!riff) return;
    await drawSpectrogram(
      this.canvas,
      riff.files.heard,
      () => this.riff === riff && !this.isCovered(),
    );
  }

  pause(): void {
    this.player.pause();
    $("playhead").hidden = true;
  }

  private play(): void {
    this.player.play().catch(() => {}); // a browser may want a click first
  }

  private describe({ request, harmony, duration_s, model }: Riff): string {
    const facts = [`seed ${request.seed}`];
    if (request.seed_image) {
      const name = this.getSeedImageName(request.seed_image) ?? "another riff";
      facts.push(`from ${name} at ${request.denoising}`);
    }
    if (request.bpm) facts.push(`${+request.bpm.toFixed(2)} bpm`);
    if (harmony) facts.push(harmony);
    if (duration_s) facts.push(`${duration_s.toFixed(2)} s`);
    if (model) facts.push(model);
    return facts.join(" · ");
  }

  /** Link to what the riff was made from, and to what was made from it. */
  private async showLineage(riff: Riff): Promise<void> {
    $("lineage").hidden = true;
    const alone: RiffFamily = { riff, parents: [], children: [] };
    const address = `riffs/${encodeURIComponent(riff.id)}`;
    const { parents, children } = await get<RiffFamily>(address).catch(() => alone);
    if (this.riff !== riff) return;
    $("lineage").replaceChildren(
      ...(parents.length ? ["Made from ", ...createLinks(parents), ". "] : []),
      ...(children.length ? ["Remixed as ", ...createLinks(children), "."] : []),
    );
    $("lineage").hidden = !(parents.length || children.length);
  }

  private movePlayhead = (): void => {
    const { duration, currentTime, paused } = this.player;
    const isShown =
      this.riff !== null && !this.isCovered() && duration > 0 && (currentTime > 0 || !paused);
    $("playhead").hidden = !isShown;
    if (isShown) {
      const x = (currentTime / duration) * this.canvas.clientWidth;
      $("playhead").style.transform = `translateX(${x}px)`;
    }
    if (!paused && !this.reducedMotion.matches) requestAnimationFrame(this.movePlayhead);
  };

  /** Play from where the spectrogram was clicked. */
  private seek(event: MouseEvent): void {
    if (!this.riff || this.isCovered() || !this.player.duration) return;
    const { left, width } = this.canvas.getBoundingClientRect();
    this.player.currentTime = ((event.clientX - left) / width) * this.player.duration;
    this.play();
  }

  private pressKey(event: KeyboardEvent): void {
    const isOutsideFields = event.target === document.body || event.target === $("title");
    if (event.code !== "Space" || !isOutsideFields || !this.riff) return;
    event.preventDefault();
    if (this.player.paused) this.play();
    else this.player.pause();
  }
}

/** A link to a riff; its settings restore the form even where the riff is unknown. */
export function createRiffAddress(riff: Riff): string {
  const settings = new URLSearchParams();
  for (const name of [...TEXTS, ...NUMBERS, ...RECIPE_ONLY]) {
    const value = riff.request[name];
    if (value !== undefined && value !== "") settings.set(name, String(value));
  }
  return `${new URL(riff.page, document.baseURI)}#${settings}`;
}

function createLinks(riffs: Riff[]): (string | Node)[] {
  return riffs.flatMap((riff, number) => [
    ...(number ? [", "] : []),
    createLink(riff.page, riff.request.prompt),
  ]);
}
