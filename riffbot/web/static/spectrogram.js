// Spectrograms on a canvas. A picture stores silence as 255; here it is dark, and loud is bright.

const ANCHORS = [[4, 2, 10], [27, 14, 58], [82, 20, 104], [156, 38, 106], [222, 74, 78], [251, 139, 66], [254, 205, 120], [255, 250, 224]];

/** The colours of the levels 0 (silent) to 255 (loud). */
export const PALETTE = Array.from({ length: 256 }, (_, level) => {
  const place = (level / 255) * (ANCHORS.length - 1);
  const low = Math.min(Math.floor(place), ANCHORS.length - 2);
  return ANCHORS[low].map((from, i) => from + (ANCHORS[low + 1][i] - from) * (place - low));
});

/** Show silence. @param {HTMLCanvasElement} target @param {number} columns */
export function silence(target, columns) {
  target.width = columns;
  target.height = 512;
  const context = /** @type {CanvasRenderingContext2D} */ (target.getContext("2d"));
  context.fillStyle = `rgb(${PALETTE[0].join(" ")})`;
  context.fillRect(0, 0, columns, 512);
}

/**
 * Show the picture at an address.
 *
 * @param {HTMLCanvasElement} target
 * @param {string} address
 * @param {() => boolean} [wanted] asked when it is there: another may be shown by then
 */
export async function paintFrom(target, address, wanted = () => true) {
  const image = new Image();
  image.src = address;
  try {
    await image.decode();
  } catch {
    return; // the file is gone or still on its way; the frame stays dark
  }
  if (!wanted()) return;
  target.width = image.naturalWidth;
  target.height = image.naturalHeight;
  const context = /** @type {CanvasRenderingContext2D} */ (target.getContext("2d", { willReadFrequently: true }));
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, target.width, target.height);
  for (let at = 0; at < pixels.data.length; at += 4) {
    pixels.data.set(PALETTE[255 - pixels.data[at]], at);
    pixels.data[at + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}
