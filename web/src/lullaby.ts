// While nothing plays, the last riff's picture goes by; before the first, some hills.

import type { Columns } from "./columns";
import { api } from "./page";

const BANDS = 256;
const AHEAD = 560;
const BEHIND = 400;

export class Lullaby {
  private width = 0;
  private data = new Uint8Array(0);
  private dreamt = -Infinity;

  constructor(private readonly columns: Columns) {}

  /** Have something to show around a column. */
  reach(column: number): void {
    if (!this.width) return;
    const end = column + AHEAD;
    if (this.dreamt < column - BEHIND || this.dreamt > end) this.dreamt = column - BEHIND;
    const width = end - this.dreamt;
    if (width < 32) return;
    const tile = new Uint8Array(width * BANDS);
    for (let band = 0; band < BANDS; band++) {
      for (let x = 0; x < width; x++)
        tile[band * width + x] = this.data[band * this.width + ((this.dreamt + x) % this.width)];
    }
    this.columns.put(this.dreamt, width, tile);
    this.dreamt = end;
  }

  async begin(): Promise<void> {
    this.take(512, hills(512));
    try {
      const { riffs } = await api("riffs?limit=1");
      if (!riffs.length) return;
      const image = new Image();
      image.src = riffs[0].files.png;
      await image.decode();
      const canvas = Object.assign(document.createElement("canvas"), {
        width: image.naturalWidth,
        height: BANDS,
      });
      const context = canvas.getContext("2d", { willReadFrequently: true })!;
      context.drawImage(image, 0, 0, canvas.width, BANDS);
      const pixels = context.getImageData(0, 0, canvas.width, BANDS).data;
      this.take(
        canvas.width,
        Uint8Array.from({ length: canvas.width * BANDS }, (_, at) => 255 - pixels[4 * at]),
      );
    } catch {
      // the hills do
    }
  }

  private take(width: number, data: Uint8Array<ArrayBuffer>): void {
    this.width = width;
    this.data = data;
    this.dreamt = -Infinity;
  }
}

function hills(width: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(width * BANDS);
  for (let band = 0; band < BANDS; band++) {
    for (let x = 0; x < width; x++) {
      const low = 255 - band;
      const ridge =
        Math.max(0, Math.sin((low + 6 * Math.sin((x * Math.PI) / 128)) / 7.5)) ** 6 *
        Math.exp(-low / 90);
      const pulse = Math.exp(-(x % 64) / 22);
      data[band * width + x] =
        255 *
        Math.min(
          1,
          0.2 + 0.75 * ridge * (0.45 + 0.55 * pulse) + 0.25 * pulse * Math.exp(-low / 30),
        );
    }
  }
  return data;
}
