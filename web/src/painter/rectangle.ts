// A rectangle by numbers: moments in seconds, pitches in Hz.

import { COLUMNS_PER_SECOND } from "../shared/columns";
import { input } from "../shared/dom";
import { parseNumber } from "../shared/format";
import { ROWS } from "../shared/spectrogram";
import type { Sheet } from "./sheet";
import type { Stroke } from "./strokes";

const MAX_HZ = 10000;

/** Show the sheet's own limits in the empty fields. */
export function showLimits({ begins = 0, seconds }: Sheet): void {
  input("box-from").placeholder = String(begins);
  input("box-to").placeholder = String(+(begins + seconds).toFixed(2));
}

/** The rectangle that the fields say; the sentence to show where they say none. */
export function readRectangle(sheet: Sheet, level: number): Stroke | string {
  const begins = sheet.begins ?? 0;
  const last = begins + sheet.seconds;
  const from = readField("box-from", begins);
  const to = readField("box-to", last);
  const low = readField("box-low", 0);
  const high = readField("box-high", MAX_HZ);
  if (!(from >= begins && from < to && to <= last + 0.005)) {
    return `Say two moments of this sheet, the earlier first: it goes from ${begins} to ${+last.toFixed(2)} s.`;
  }
  const bottom = sheet.hz.findIndex((hz) => hz >= low);
  const top = sheet.hz.findLastIndex((hz) => hz <= high);
  if (!(low < high) || bottom < 0 || top < bottom) {
    return "Say two pitches from 0 to 10000 Hz, the lower first, a few Hz apart.";
  }
  const toFraction = (s: number) => Math.round((s - begins) * COLUMNS_PER_SECOND) / sheet.columns;
  const x = toFraction(from);
  const box = {
    x,
    y: (ROWS - 1 - top) / ROWS,
    width: Math.max(1 / sheet.columns, toFraction(to) - x),
    height: (top - bottom + 1) / ROWS,
  };
  return { tool: "rectangle", aspect: 1, level, points: [], box };
}

function readField(id: string, whenEmpty: number): number {
  const text = input(id).value.trim();
  return text === "" ? whenEmpty : parseNumber(text);
}
