// Colour maps, from silent to loud: a few anchors each, blended to 256 colours.

type Rgb = readonly [number, number, number];

export const COLOUR_MAPS: Record<string, { title: string; anchors: readonly Rgb[] }> = {
  ember: {
    title: "Ember",
    anchors: [
      [13, 9, 26],
      [34, 18, 66],
      [88, 24, 106],
      [160, 42, 104],
      [224, 78, 78],
      [252, 146, 70],
      [255, 214, 132],
      [255, 250, 230],
    ],
  },
  lagoon: {
    title: "Lagoon",
    anchors: [
      [6, 16, 34],
      [10, 38, 66],
      [12, 78, 104],
      [20, 124, 130],
      [70, 176, 142],
      [160, 218, 152],
      [236, 246, 190],
      [255, 255, 240],
    ],
  },
  lilac: {
    title: "Lilac, as riffusion.com was",
    anchors: [
      [22, 18, 44],
      [52, 46, 92],
      [96, 88, 146],
      [138, 134, 190],
      [168, 176, 220],
      [198, 200, 236],
      [228, 220, 246],
      [255, 250, 255],
    ],
  },
  grey: {
    title: "Grey, for colour-blind eyes and print",
    anchors: [
      [12, 12, 14],
      [44, 44, 48],
      [84, 84, 88],
      [126, 126, 130],
      [170, 170, 172],
      [210, 210, 210],
      [238, 238, 236],
      [255, 255, 255],
    ],
  },
};

/** The 256 colours of a map as RGBA bytes; an unknown name gives the first map. */
export function createColourTable(name: string): Uint8Array {
  const anchors = (COLOUR_MAPS[name] ?? COLOUR_MAPS.ember).anchors;
  const out = new Uint8Array(1024);
  for (let level = 0; level < 256; level++) {
    const position = (level / 255) * (anchors.length - 1);
    const low = Math.min(Math.floor(position), anchors.length - 2);
    for (let i = 0; i < 3; i++) {
      const from = anchors[low][i];
      out[4 * level + i] = Math.round(from + (anchors[low + 1][i] - from) * (position - low));
    }
    out[4 * level + 3] = 255;
  }
  return out;
}
