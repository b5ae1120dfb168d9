// The picture of the jam around now: a circle of columns, each a spectrum of `bands` levels.

/** Columns that are remembered; a power of two, 20 s. */
export const LENGTH = 2048;

export class Columns {
  /** Row-major, bands × LENGTH, as a texture wants it; loud is 255, low notes in the last row. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Counts changes, so that views know when to look again. */
  version = 0;
  private first = Infinity;
  private last = -Infinity;

  constructor(readonly bands: number) {
    this.data = new Uint8Array(bands * LENGTH);
  }

  /** Put a tile (row-major, bands × width) at its column; it replaces what was there. */
  put(column: number, width: number, tile: Uint8Array): void {
    if (column > this.last + LENGTH || column + width < this.first) this.clear();
    for (let band = 0; band < this.bands; band++) {
      for (let x = 0; x < width; x++) {
        this.data[band * LENGTH + ((column + x) & (LENGTH - 1))] = tile[band * width + x];
      }
    }
    this.first = Math.min(this.first, column);
    this.last = Math.max(this.last, column + width);
    this.first = Math.max(this.first, this.last - LENGTH);
    this.version++;
  }

  /** Where there is something: [first, last). */
  get extent(): [number, number] {
    return [this.first, this.last];
  }

  /** The spectrum at a column, low notes first; zeros where nothing is known. */
  spectrum(column: number): Uint8Array {
    const out = new Uint8Array(this.bands);
    if (column < this.first || column >= this.last) return out;
    for (let band = 0; band < this.bands; band++) {
      out[this.bands - 1 - band] = this.data[band * LENGTH + (column & (LENGTH - 1))];
    }
    return out;
  }

  clear(): void {
    this.data.fill(0);
    this.first = Infinity;
    this.last = -Infinity;
    this.version++;
  }
}
