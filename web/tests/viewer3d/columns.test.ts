import { describe, expect, test } from "vitest";
import { CAPACITY, Columns } from "../../src/viewer3d/columns";

const BANDS = 3;

/** A tile whose level in each band is 10 × column + band. */
function tile(column: number, width: number): Uint8Array {
  const levels = new Uint8Array(BANDS * width);
  for (let band = 0; band < BANDS; band++) {
    for (let x = 0; x < width; x++) levels[band * width + x] = 10 * ((column + x) % 20) + band;
  }
  return levels;
}

function filled(column: number, width: number): Columns {
  const columns = new Columns(BANDS);
  columns.put(column, width, tile(column, width));
  return columns;
}

describe("columns", () => {
  test("are read back with the low notes first, the last row of a tile", () => {
    expect([...filled(0, 8).getSpectrum(3)]).toEqual([32, 31, 30]);
  });

  test("are zeros where nothing is known", () => {
    const columns = filled(10, 8);
    expect([...columns.getSpectrum(9)]).toEqual([0, 0, 0]);
    expect([...columns.getSpectrum(18)]).toEqual([0, 0, 0]);
    expect(columns.extent).toEqual([10, 18]);
  });

  test("replace what was there, and say so by their version", () => {
    const columns = filled(0, 4);
    const before = columns.version;
    columns.put(2, 1, new Uint8Array([7, 8, 9]));
    expect([...columns.getSpectrum(2)]).toEqual([9, 8, 7]);
    expect([...columns.getSpectrum(1)]).toEqual([12, 11, 10]);
    expect(columns.version).toBeGreaterThan(before);
  });

  test("lie in a circle: a tile may reach over its end", () => {
    const start = 5 * CAPACITY - 4;
    const columns = filled(start, 8);
    for (let at = start; at < start + 8; at++) {
      expect(columns.getSpectrum(at)[BANDS - 1]).toBe(10 * (at % 20));
    }
    expect(columns.data[0]).toBe(10 * ((5 * CAPACITY) % 20)); // the texture wraps at the same place
  });

  test("forget what lies more than a circle back", () => {
    const columns = filled(0, 100);
    for (let at = 100; at < CAPACITY + 100; at += 16) columns.put(at, 16, tile(at, 16));
    const [first, last] = columns.extent;
    expect(last).toBeGreaterThan(CAPACITY);
    expect(first).toBe(last - CAPACITY);
    expect([...columns.getSpectrum(first - 1)]).toEqual([0, 0, 0]);
    expect(columns.getSpectrum(first)[BANDS - 1]).toBe(10 * (first % 20));
  });

  test("begin anew after a leap forwards or backwards", () => {
    const columns = filled(100, 10);
    columns.put(110 + CAPACITY + 1, 10, tile(0, 10));
    expect(columns.extent).toEqual([110 + CAPACITY + 1, 120 + CAPACITY + 1]);
    columns.put(0, 10, tile(0, 10));
    expect(columns.extent).toEqual([0, 10]);
  });

  test("are empty after clear", () => {
    const columns = filled(0, 10);
    columns.clear();
    expect(columns.extent).toEqual([Infinity, -Infinity]);
    expect(columns.data.every((level) => level === 0)).toBe(true);
  });
});
