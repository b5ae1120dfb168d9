// The view without WebGL: the spectrogram flows from right to left under a fixed playhead.

import { createColourTable } from "./colour_maps";
import { CAPACITY, type SpectrogramRing } from "./spectrogram_ring";
import type { Frame, View } from "./view";

/** Where the playhead stands, as a part of the width. */
const PLAYHEAD = 0.4;
/** Columns that are shown, and those before a calm view's loop. */
const SHOWN_COLUMNS = 900;
const CALM_MARGIN = 40;
const MAX_PIXEL_RATIO = 2;
const NIGHT = "#0a0716";

export class FlatView implements View {
  readonly element = document.createElement("canvas");
  playhead = 0;
  readonly frameMs = 0;
  readonly isAtLowestQuality = true;
  private readonly context = this.element.getContext("2d", { alpha: false })!;
  /** The whole ring of columns in colours. */
  private readonly ring = document.createElement("canvas");
  private palette = createColourTable("ember");
  private version = -1;

  constructor(private readonly spectrogram: SpectrogramRing) {
    this.ring.width = CAPACITY;
    this.ring.height = spectrogram.bands;
    this.element.className = "view";
  }

  setColourMap(name: string): void {
    this.palette = createColourTable(name);
    this.version = -1;
  }

  resize(): void {
    const { clientWidth, clientHeight } = this.element;
    this.element.width = Math.max(1, clientWidth * Math.min(devicePixelRatio, MAX_PIXEL_RATIO));
    this.element.height = Math.max(1, clientHeight * Math.min(devicePixelRatio, MAX_PIXEL_RATIO));
  }

  drawFrame({ column, columnsPerBeat, beatsPerMeasure, columnsPerLoop, ...frame }: Frame): void {
    if (this.version !== this.spectrogram.version) this.drawRing();
    // Calm: the picture stands still for a loop and the playhead steps from beat to beat.
    const left = frame.isCalm
      ? Math.floor(column / columnsPerLoop) * columnsPerLoop - CALM_MARGIN
      : column - PLAYHEAD * SHOWN_COLUMNS;
    this.playhead = frame.isCalm ? Math.floor(column / columnsPerBeat) * columnsPerBeat : column;
    this.context.globalAlpha = 1;
    this.context.fillStyle = NIGHT;
    this.context.fillRect(0, 0, this.element.width, this.element.height);
    this.context.globalAlpha = frame.isBright ? 1 : 0.5;
    this.drawColumns(left);
    this.drawGrid(left, columnsPerBeat, beatsPerMeasure);
  }

  /** Draw the columns from `left` on, in as many parts as the ring's end makes of them. */
  private drawColumns(left: number): void {
    const { height } = this.element;
    const { bands, extent } = this.spectrogram;
    const scale = this.element.width / SHOWN_COLUMNS;
    const from = Math.max(extent[0], left);
    const to = Math.min(extent[1], left + SHOWN_COLUMNS);
    for (let at = from; at < to; ) {
      const inRing = ((at % CAPACITY) + CAPACITY) % CAPACITY;
      const part = Math.min(to - at, CAPACITY - inRing);
      const x = (at - left) * scale;
      this.context.drawImage(this.ring, inRing, 0, part, bands, x, 0, part * scale, height);
      at += part;
    }
  }

  /** Dim what is planned, and draw the beats and the playhead. */
  private drawGrid(left: number, columnsPerBeat: number, beatsPerMeasure: number): void {
    const { context } = this;
    const { width, height } = this.element;
    const scale = width / SHOWN_COLUMNS;
    const line = (this.playhead - left) * scale;
    context.globalAlpha = 0.45;
    context.fillStyle = NIGHT;
    context.fillRect(line, 0, width - line, height);
    context.fillStyle = "#ffffff";
    const firstBeat = Math.ceil(left / columnsPerBeat) * columnsPerBeat;
    for (let at = firstBeat; at < left + SHOWN_COLUMNS; at += columnsPerBeat) {
      const isDownbeat = Math.round(at / columnsPerBeat) % beatsPerMeasure === 0;
      context.globalAlpha = isDownbeat ? 0.28 : 0.1;
      context.fillRect(Math.round((at - left) * scale), 0, 1, height);
    }
    context.globalAlpha = 0.9;
    context.fillStyle = "#ff5a4d";
    context.fillRect(line - 1.5, 0, 3, height);
  }

  dispose(): void {
    this.element.remove();
  }

  private drawRing(): void {
    this.version = this.spectrogram.version;
    const image = new ImageData(CAPACITY, this.spectrogram.bands);
    const pixels = new Uint32Array(image.data.buffer);
    const colours = new Uint32Array(this.palette.buffer);
    const { data } = this.spectrogram;
    for (let at = 0; at < data.length; at++) pixels[at] = colours[data[at]];
    this.ring.getContext("2d")!.putImageData(image, 0, 0);
  }
}
