// Spectrograms on a canvas. A stored picture has silence as 255; here silence is dark and loud is
// bright.

import { getContext2d } from "./dom";

/** Rows of a spectrogram: mel bands. */
export const ROWS = 512;

const ANCHORS = [
  [4, 2, 10],
  [27, 14, 58],
  [82, 20, 104],
  [156, 38, 106],
  [222, 74, 78],
  [251, 139, 66],
  [254, 205, 120],
  [255, 250, 224],
];

/** Red, green, blue of the levels 0 (silent) … 255 (loud). */
export const PALETTE: readonly (readonly number[])[] = Array.from({ length: 256 }, (_, level) => {
  const position = (level / 255) * (ANCHORS.length - 1);
  const low = Math.min(Math.floor(position), ANCHORS.length - 2);
  return ANCHORS[low].map((from, i) => from + (ANCHORS[low + 1][i] - from) * (position - low));
});

/** Show silence, so many columns wide. */
export function drawSilence(canvas: HTMLCanvasElement, columns: number): void {
  canvas.width = columns;
  canvas.height = ROWS;
  const context = getContext2d(canvas);
  context.fillStyle = `rgb(${PALETTE[0].join(" ")})`;
  context.fillRect(0, 0, columns, ROWS);
}

/**
 * Show the stored picture at an address, in colours. Nothing happens where it cannot be loaded.
 *
 * @param isWanted - asked once it is loaded: another picture may be shown by then.
 */
export async function drawSpectrogram(
  canvas: HTMLCanvasElement,
  address: string,
  isWanted: () => boolean = () => true,
): Promise<void> {
  const image = new Image();
  image.src = address;
  try {
    await image.decode();
  } catch {
    return; // the file is gone or still on its way; the frame stays dark
  }
  if (!isWanted()) return;
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const context = getContext2d(canvas, { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < pixels.data.length; at += 4) {
    pixels.data.set(PALETTE[255 - pixels.data[at]], at);
    pixels.data[at + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}
