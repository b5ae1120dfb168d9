// While no jam plays, the last riff goes by again and again; before the first riff, some hills.

import { get } from "../shared/api";
import { create, getContext2d } from "../shared/dom";
import type { RiffList } from "../shared/protocol";
import type { SpectrogramRing } from "./spectrogram_ring";

const BANDS = 256;
/** Columns that are kept filled, and how many at a time at the least. */
const AHEAD = 560;
const BEHIND = 400;
const MIN_TILE = 32;
const HILLS_COLUMNS = 512;

export class IdleAnimation {
  /** Levels that go by, row-major, BANDS × width. */
  private levels = new Uint8Array(0);
  private width = 0;
  /** The column up to which they were put. */
  private filledTo = -Infinity;

  constructor(private readonly spectrogram: SpectrogramRing) {}

  /** Fill the columns around one. */
  fillAround(column: number): void {
    if (!this.width) return;
    const end = column + AHEAD;
    if (this.filledTo < column - BEHIND || this.filledTo > end) this.filledTo = column - BEHIND;
    const width = end - this.filledTo;
    if (width < MIN_TILE) return;
    const tile = new Uint8Array(width * BANDS);
    for (let band = 0; band < BANDS; band++) {
      for (let x = 0; x < width; x++)
        tile[band * width + x] =
          this.levels[band * this.width + ((this.filledTo + x) % this.width)];
    }
    this.spectrogram.put(this.filledTo, width, tile);
    this.filledTo = end;
  }

  /** Show hills, and the last riff as soon as it is loaded. */
  async load(): Promise<void> {
    this.setLevels(HILLS_COLUMNS, drawHills(HILLS_COLUMNS));
    try {
      const { riffs } = await get<RiffList>("riffs?limit=1");
      if (!riffs.length) return;
      await this.loadPicture(riffs[0].files.png);
    } catch {
      // the hills stay
    }
  }

  private async loadPicture(address: string): Promise<void> {
    const image = new Image();
    image.src = address;
    await image.decode();
    const width = image.naturalWidth;
    const canvas = create("canvas", { width, height: BANDS });
    const context = getContext2d(canvas, { willReadFrequently: true });
    context.drawImage(image, 0, 0, width, BANDS);
    const { data } = context.getImageData(0, 0, width, BANDS);
    // A stored picture has silence as 255; red, green and blue are the same.
    const levels = Uint8Array.from({ length: width * BANDS }, (_, at) => 255 - data[4 * at]);
    this.setLevels(width, levels);
  }

  private setLevels(width: number, levels: Uint8Array<ArrayBuffer>): void {
    this.width = width;
    this.levels = levels;
    this.filledTo = -Infinity;
  }
}

/** Rolling hills that repeat every so many columns. */
function drawHills(width: number): Uint8Array<ArrayBuffer> {
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
