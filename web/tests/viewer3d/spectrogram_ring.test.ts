import { describe, expect, test } from "vitest";
import { CAPACITY, SpectrogramRing } from "../../src/viewer3d/spectrogram_ring";

const BANDS = 3;

/** A tile whose level in each band is 10 × column + band. */
function tile(column: number, width: number): Uint8Array {
  const levels = new Uint8Array(BANDS * width);
  for (let band = 0; band < BANDS; band++) {
    for (let x = 0; x < width; x++) levels[band * width + x] = 10 * ((column + x) % 20) + band;
  }
  return levels;
}

function filled(column: number, width: number): SpectrogramRing {
  const ring = new SpectrogramRing(BANDS);
  ring.put(column, width, tile(column, width));
  return ring;
}

describe("columns of the ring", () => {
  test("are read back with the low notes first, the last row of a tile", () => {
    expect([...filled(0, 8).getSpectrum(3)]).toEqual([32, 31, 30]);
  });

  test("are zeros where nothing is known", () => {
    const ring = filled(10, 8);
    expect([...ring.getSpectrum(9)]).toEqual([0, 0, 0]);
    expect([...ring.getSpectrum(18)]).toEqual([0, 0, 0]);
    expect(ring.extent).toEqual([10, 18]);
  });

  test("replace what was there, and say so by their version", () => {
    const ring = filled(0, 4);
    const before = ring.version;
    ring.put(2, 1, new Uint8Array([7, 8, 9]));
    expect([...ring.getSpectrum(2)]).toEqual([9, 8, 7]);
    expect([...ring.getSpectrum(1)]).toEqual([12, 11, 10]);
    expect(ring.version).toBeGreaterThan(before);
  });

  test("lie in a circle: a tile may reach over its end", () => {
    const start = 5 * CAPACITY - 4;
    const ring = filled(start, 8);
    for (let at = start; at < start + 8; at++) {
      expect(ring.getSpectrum(at)[BANDS - 1]).toBe(10 * (at % 20));
    }
    expect(ring.data[0]).toBe(10 * ((5 * CAPACITY) % 20)); // the texture wraps at the same place
  });

  test("forget what lies more than a circle back", () => {
    const ring = filled(0, 100);
    for (let at = 100; at < CAPACITY + 100; at += 16) ring.put(at, 16, tile(at, 16));
    const [first, last] = ring.extent;
    expect(last).toBeGreaterThan(CAPACITY);
    expect(first).toBe(last - CAPACITY);
    expect([...ring.getSpectrum(first - 1)]).toEqual([0, 0, 0]);
    expect(ring.getSpectrum(first)[BANDS - 1]).toBe(10 * (first % 20));
  });

  test("begin anew after a leap forwards or backwards", () => {
    const ring = filled(100, 10);
    ring.put(110 + CAPACITY + 1, 10, tile(0, 10));
    expect(ring.extent).toEqual([110 + CAPACITY + 1, 120 + CAPACITY + 1]);
    ring.put(0, 10, tile(0, 10));
    expect(ring.extent).toEqual([0, 10]);
  });

  test("are empty after clear", () => {
    const ring = filled(0, 10);
    ring.clear();
    expect(ring.extent).toEqual([Infinity, -Infinity]);
    expect(ring.data.every((level) => level === 0)).toBe(true);
  });
});
