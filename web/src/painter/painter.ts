// The painter: a brush over a riff's spectrogram says what to make anew, or a blank sheet is drawn
// on. What is painted stays until the clip is there, whatever RiffBot answers; nothing is computed
// on the page.

import { get, send } from "../shared/api";
import { $, button, input } from "../shared/dom";
import { parseNumber } from "../shared/format";
import type {
  BlankSheet,
  DrawingBody,
  InpaintBody,
  JobStarted,
  Riff,
  RiffSheet,
} from "../shared/protocol";
import { drawSilence, drawSpectrogram, PALETTE, ROWS } from "../shared/spectrogram";
import { Brush } from "./brush";
import { readRectangle, showLimits } from "./rectangle";
import type { Sheet } from "./sheet";
import { type Ink, Strokes } from "./strokes";

/** Seconds of a blank sheet. */
const BLANK_S = 5.12;

/** What is shown: on a riff, where to make it anew; on a blank sheet, how loud it is. */
const MASK_INK: Ink = () => "#6fe3ff";
const SOUND_INK: Ink = (level) =>
  `rgb(${PALETTE[Math.round(255 * level)].map(Math.round).join(" ")})`;
/** What is sent: a mask is white on black; a drawing has silence as white, like all pictures. */
const SENT_MASK_INK: Ink = () => "white";
const SENT_SOUND_INK: Ink = (level) => {
  const grey = Math.round(255 * (1 - level));
  return `rgb(${grey} ${grey} ${grey})`;
};

interface PainterEvents {
  /** A clip is being made of what is painted. */
  onJob(job: JobStarted): void;
  onOpen(): void;
  onClose(): void;
}

export class Painter {
  private sheet: Sheet | null = null;
  /** The riff that is painted on; null on a blank sheet. */
  private riff: Riff | null = null;
  private readonly strokes = new Strokes();
  private readonly layer = $<HTMLCanvasElement>("paint");
  private readonly background = $<HTMLCanvasElement>("spectrogram");
  private readonly brush: Brush;

  constructor(private readonly events: PainterEvents) {
    this.brush = new Brush(this.layer, {
      getInk: () => this.ink,
      onStroke: (stroke) => {
        this.strokes.add(stroke);
        this.showError(""); // “nothing is painted” is over
        this.show();
      },
    });
    this.initTools();
    this.initForms();
  }

  get isOpen(): boolean {
    return this.sheet !== null;
  }

  private get ink(): Ink {
    return this.riff ? MASK_INK : SOUND_INK;
  }

  /** Seconds of the riff at which the sheet begins. */
  private get begins(): number {
    return this.sheet?.begins ?? 0;
  }

  /** Paint on a riff, from a second on. */
  async paintOn(riff: Riff, start = 0): Promise<void> {
    await this.attempt(async () => {
      const sheet = await get<RiffSheet>(
        `riffs/${encodeURIComponent(riff.id)}/sheet?start=${start}`,
      );
      this.riff = riff;
      this.open(sheet);
      await drawSpectrogram(this.background, sheet.picture, () => this.sheet === sheet);
    });
  }

  /** Draw on a blank sheet; another length keeps what was drawn. */
  async drawBlank(seconds: string | number = BLANK_S): Promise<void> {
    await this.attempt(async () => {
      const sheet = await get<BlankSheet>(`sheet?seconds=${encodeURIComponent(seconds)}`);
      const drawn = this.isOpen && !this.riff ? this.strokes.done : [];
      this.riff = null;
      this.open(sheet);
      this.strokes.done = drawn;
      drawSilence(this.background, sheet.columns);
      this.show();
    });
  }

  close(): void {
    this.sheet = null;
    this.riff = null;
    this.brush.cancel();
    this.strokes.clear();
    this.layer.hidden = true;
    $("painter").hidden = true;
    this.showError("");
    this.events.onClose();
  }

  /** Step aside while a clip is made (`isWaiting`), and come back if none was. */
  setWaiting(isWaiting: boolean): void {
    if (!this.sheet) return;
    this.layer.hidden = isWaiting;
    button("painter-go").disabled = isWaiting;
    if (isWaiting) return;
    if (this.riff) void drawSpectrogram(this.background, this.sheet.picture!);
    else drawSilence(this.background, this.sheet.columns);
    this.show();
  }

  /** Show what went wrong; an empty sentence hides it. */
  showError(sentence: string): void {
    $("painter-complaint").textContent = sentence;
  }

  private open(sheet: Sheet): void {
    this.sheet = sheet;
    this.strokes.clear();
    this.layer.width = sheet.columns;
    this.layer.height = ROWS;
    this.layer.hidden = false;
    this.layer.classList.toggle("mask", this.riff !== null);
    $("painter").hidden = false;
    button("painter-go").disabled = false;
    this.showLabels(sheet);
    showLimits(sheet);
    this.showError("");
    this.show();
    this.events.onOpen();
  }

  private showLabels(sheet: Sheet): void {
    const { riff } = this;
    $("painter-title").textContent = riff ? "Paint over it" : "Draw a sound";
    $("painter-hint").textContent = riff
      ? "Brush over what should be made anew; the rest stays as it is, to the pixel."
      : "Left to right is time, bottom to top is pitch, bright is loud. Without a prompt it sounds as it is.";
    $("painter-prompt-label").textContent = riff
      ? "What should be there?"
      : "What should it become? (may stay empty)";
    input("painter-prompt").placeholder = riff ? riff.request.prompt : "violin";
    $("painter-go").textContent = riff ? "Make it anew" : "Hear it";
    $("level-field").hidden = riff !== null;
    $("leave-field").hidden = riff !== null;
    $("sheet-start-field").hidden = !riff || (sheet.whole ?? 0) <= sheet.seconds + 0.01;
    $("sheet-seconds-field").hidden = riff !== null;
    if (riff) input("sheet-start").value = String(this.begins);
    else input("sheet-seconds").value = String(sheet.seconds);
  }

  /** Show the strokes, and which of the tools can be used. */
  private show(): void {
    const { done, undone, isEmpty } = this.strokes;
    this.strokes.drawOn(this.layer, this.ink);
    button("undo").disabled = done.length === 0;
    button("redo").disabled = undone.length === 0;
    button("wipe").disabled = isEmpty;
    const what = this.riff ? "The spectrogram, to paint on" : "A sheet to draw on";
    const strokes = `${done.length} ${done.length === 1 ? "stroke" : "strokes"}`;
    this.layer.setAttribute("aria-label", `${what}. ${strokes} so far.`);
  }

  /** Show the moment and the pitch under the pointer. */
  private showPosition(event: PointerEvent): void {
    if (!this.sheet) return;
    const { left, top, width, height } = this.layer.getBoundingClientRect();
    const x = (event.clientX - left) / width;
    const y = (event.clientY - top) / height;
    const row = Math.min(ROWS - 1, Math.max(0, Math.floor((1 - y) * ROWS)));
    const moment = (this.begins + x * this.sheet.seconds).toFixed(2);
    $("painter-where").textContent = `${moment} s, ${Math.round(this.sheet.hz[row])} Hz`;
  }

  private addRectangle(): void {
    if (!this.sheet) return;
    const rectangle = readRectangle(this.sheet, this.brush.level);
    if (typeof rectangle === "string") {
      this.showError(rectangle);
      return;
    }
    this.showError("");
    this.strokes.add(rectangle);
    this.show();
  }

  private async submit(): Promise<void> {
    const { sheet, riff, strokes } = this;
    if (!sheet) return;
    if (strokes.isEmpty) {
      return this.showError(
        riff
          ? "Nothing is painted yet: brush over what should be made anew, or add a rectangle."
          : "Nothing is drawn yet: draw with the brush, or add a rectangle.",
      );
    }
    button("painter-go").disabled = true;
    await this.attempt(async () => {
      const job = riff ? await this.sendMask(riff, sheet) : await this.sendDrawing(sheet);
      this.events.onJob(job);
    });
    if ($("painter-complaint").textContent) button("painter-go").disabled = false;
  }

  private sendMask(riff: Riff, sheet: Sheet): Promise<JobStarted> {
    const body: InpaintBody = {
      prompt: input("painter-prompt").value.trim(),
      start: this.begins,
      mask: this.strokes.toDataUrl(sheet.columns, "black", SENT_MASK_INK),
    };
    return send("POST", `riffs/${encodeURIComponent(riff.id)}/inpaint`, body);
  }

  private sendDrawing(sheet: Sheet): Promise<JobStarted> {
    const prompt = input("painter-prompt").value.trim();
    const body: DrawingBody = {
      prompt,
      picture: this.strokes.toDataUrl(sheet.columns, "white", SENT_SOUND_INK),
    };
    if (prompt) body.denoising = Number(input("leave").value);
    return send("POST", "drawings", body);
  }

  private async attempt(work: () => Promise<void>): Promise<void> {
    this.showError("");
    try {
      await work();
    } catch (error) {
      // Where no sheet is open yet, the sentence would be hidden with it.
      $("painter").hidden = false;
      this.showError((error as Error).message);
    }
  }

  private initTools(): void {
    this.layer.addEventListener("pointermove", (event) => this.showPosition(event));
    this.layer.addEventListener("pointerleave", () => {
      $("painter-where").textContent = "";
    });
    $("undo").addEventListener("click", () => this.goBack("undo"));
    $("redo").addEventListener("click", () => this.goBack("redo"));
    $("wipe").addEventListener("click", () => {
      this.strokes.add({ tool: "wipe", aspect: 1, level: 0, points: [] });
      this.show();
    });
    addEventListener("keydown", (event) => {
      const target = event.target as HTMLElement;
      const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
      if (!this.isOpen || !isUndo) return;
      if (target.closest("input:not([type=range]), textarea")) return; // text has its own undo
      event.preventDefault();
      this.goBack(event.shiftKey ? "redo" : "undo");
    });
  }

  private goBack(way: "undo" | "redo"): void {
    this.strokes[way]();
    this.show();
  }

  private initForms(): void {
    $("box-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.addRectangle();
    });
    $("painter-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit();
    });
    $("painter-close").addEventListener("click", () => this.close());
    const start = input("sheet-start");
    start.addEventListener("change", () => {
      if (this.strokes.isEmpty && this.riff) {
        return void this.paintOn(this.riff, parseNumber(start.value) || 0);
      }
      start.value = String(this.begins);
      this.showError("Clear the sheet first: on another stretch, what is painted would be lost.");
    });
    const seconds = input("sheet-seconds");
    seconds.addEventListener("change", () => {
      void this.drawBlank(seconds.value.trim().replace(",", "."));
    });
  }
}
