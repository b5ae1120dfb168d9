// The picture without WebGL: the spectrogram from left to right, the playhead on what sounds.

import { table } from "./colours";
import { type Columns, LENGTH } from "./columns";
import type { Moment, View } from "./view";

const PLAYHEAD = 0.4;
const SHOWN = 900;

export class Flat implements View {
  readonly element = document.createElement("canvas");
  playhead = 0;
  readonly effort = 0;
  readonly plainest = true;
  private readonly context = this.element.getContext("2d", { alpha: false })!;
  private readonly strip = document.createElement("canvas");
  private palette = table("ember");
  private version = -1;

  constructor(private readonly columns: Columns) {
    this.strip.width = LENGTH;
    this.strip.height = columns.bands;
    this.element.className = "view";
  }

  colours(name: string): void {
    this.palette = table(name);
    this.version = -1;
  }

  resize(): void {
    const { clientWidth, clientHeight } = this.element;
    this.element.width = Math.max(1, clientWidth * Math.min(devicePixelRatio, 2));
    this.element.height = Math.max(1, clientHeight * Math.min(devicePixelRatio, 2));
  }

  frame({ column, beat, measure, turn, calm, awake }: Moment): void {
    if (this.version !== this.columns.version) this.paint();
    const { width, height } = this.element;
    const scale = width / SHOWN;
    // Calm: the sheet stands still for a turn and the line steps from beat to beat.
    const left = calm ? Math.floor(column / turn) * turn - 40 : column - PLAYHEAD * SHOWN;
    this.playhead = calm ? Math.floor(column / beat) * beat : column;
    const { context } = this;
    context.globalAlpha = 1;
    context.fillStyle = "#0a0716";
    context.fillRect(0, 0, width, height);
    context.globalAlpha = awake ? 1 : 0.5;
    const [first, last] = this.columns.extent;
    const from = Math.max(first, left);
    const to = Math.min(last, left + SHOWN);
    for (let at = from; at < to; ) {
      const within = ((at % LENGTH) + LENGTH) % LENGTH;
      const part = Math.min(to - at, LENGTH - within);
      context.drawImage(
        this.strip,
        within,
        0,
        part,
        this.columns.bands,
        (at - left) * scale,
        0,
        part * scale,
        height,
      );
      at += part;
    }
    const line = (this.playhead - left) * scale;
    context.globalAlpha = 0.45;
    context.fillStyle = "#0a0716";
    context.fillRect(line, 0, width - line, height);
    context.fillStyle = "#ffffff";
    for (let at = Math.ceil(left / beat) * beat; at < left + SHOWN; at += beat) {
      context.globalAlpha = Math.round(at / beat) % measure === 0 ? 0.28 : 0.1;
      context.fillRect(Math.round((at - left) * scale), 0, 1, height);
    }
    context.globalAlpha = 0.9;
    context.fillStyle = "#ff5a4d";
    context.fillRect(line - 1.5, 0, 3, height);
  }

  dispose(): void {
    this.element.remove();
  }

  private paint(): void {
    this.version = this.columns.version;
    const image = new ImageData(LENGTH, this.columns.bands);
    const pixels = new Uint32Array(image.data.buffer);
    const colours = new Uint32Array(this.palette.buffer);
    const { data } = this.columns;
    for (let at = 0; at < data.length; at++) pixels[at] = colours[data[at]];
    this.strip.getContext("2d")!.putImageData(image, 0, 0);
  }
}
