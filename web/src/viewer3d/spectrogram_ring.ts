// The spectrogram around now: a ring of columns, each with a level (0 silent … 255 loud) per band.

/** Columns that the ring holds, 20 s; a power of two. */
export const CAPACITY = 2048;

export class SpectrogramRing {
  /** Levels, row-major, bands × CAPACITY, as a texture wants them; low notes in the last row. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Counts changes, so that views know when to read the levels again. */
  version = 0;
  private first = Infinity;
  private last = -Infinity;

  constructor(readonly bands: number) {
    this.data = new Uint8Array(bands * CAPACITY);
  }

  /** Put a tile (levels, row-major, bands × width) at a column; it replaces what was there. */
  put(column: number, width: number, levels: Uint8Array): void {
    if (column > this.last + CAPACITY || column + width < this.first) this.clear();
    for (let band = 0; band < this.bands; band++) {
      for (let x = 0; x < width; x++) {
        this.data[band * CAPACITY + ((column + x) & (CAPACITY - 1))] = levels[band * width + x];
      }
    }
    this.first = Math.min(this.first, column);
    this.last = Math.max(this.last, column + width);
    this.first = Math.max(this.first, this.last - CAPACITY);
    this.version++;
  }

  /** The first column that is known, and the one behind the last. */
  get extent(): [number, number] {
    return [this.first, this.last];
  }

  /** The levels of a column, low notes first; zeros where nothing is known. */
  getSpectrum(column: number): Uint8Array {
    const out = new Uint8Array(this.bands);
    if (column < this.first || column >= this.last) return out;
    for (let band = 0; band < this.bands; band++) {
      out[this.bands - 1 - band] = this.data[band * CAPACITY + (column & (CAPACITY - 1))];
    }
    return out;
  }

  /** Forget everything. */
  clear(): void {
    this.data.fill(0);
    this.first = Infinity;
    this.last = -Infinity;
    this.version++;
  }
}
