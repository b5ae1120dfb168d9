// Strokes of a brush on a sheet, with undo. A stroke is kept as it was made, in parts of the sheet,
// so that it can be drawn again at any size, as a colour to look at or as grey to send.

/**
 * @typedef {object} Stroke
 * @property {"brush" | "eraser" | "rectangle" | "wipe"} tool
 * @property {number} aspect width of the sheet on the screen, its height being 1
 * @property {number} level 0 … 1, how loud
 * @property {{ x: number, y: number, radius: number }[]} points x in 0 … aspect, y in 0 … 1
 * @property {[number, number, number, number]} [box] x, y, width, height, as parts of the sheet
 */

export class Strokes {
  /** @type {Stroke[]} */
  done = [];
  /** @type {Stroke[]} */
  undone = [];

  /** @param {Stroke} stroke */
  add(stroke) {
    this.done.push(stroke);
    this.undone = [];
  }

  undo() {
    const last = this.done.pop();
    if (last) this.undone.push(last);
  }

  redo() {
    const next = this.undone.pop();
    if (next) this.done.push(next);
  }

  clear() {
    this.done = [];
    this.undone = [];
  }

  /** Whether anything can be seen of them. */
  get empty() {
    const wiped = this.done.findLastIndex(({ tool }) => tool === "wipe");
    return !this.done.slice(wiped + 1).some(({ tool }) => tool !== "eraser");
  }

  /**
   * Draw them all, over nothing.
   *
   * @param {HTMLCanvasElement} canvas
   * @param {(level: number) => string} colour
   */
  drawOn(canvas, colour) {
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.clearRect(0, 0, canvas.width, canvas.height);
    for (const stroke of this.done) drawStroke(context, stroke, colour(stroke.level));
  }

  /**
   * The sheet as a PNG in a data URL: the strokes over a ground.
   *
   * @param {number} columns
   * @param {string} ground
   * @param {(level: number) => string} colour
   */
  picture(columns, ground, colour) {
    const layer = Object.assign(document.createElement("canvas"), { width: columns, height: 512 });
    this.drawOn(layer, colour);
    const sheet = Object.assign(document.createElement("canvas"), { width: columns, height: 512 });
    const context = /** @type {CanvasRenderingContext2D} */ (sheet.getContext("2d"));
    context.fillStyle = ground;
    context.fillRect(0, 0, columns, 512);
    context.drawImage(layer, 0, 0);
    return sheet.toDataURL("image/png");
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Stroke} stroke
 * @param {string} colour
 */
export function drawStroke(context, stroke, colour) {
  const { width, height } = context.canvas;
  if (stroke.tool === "wipe") return context.clearRect(0, 0, width, height);
  context.save();
  context.globalCompositeOperation = stroke.tool === "eraser" ? "destination-out" : "source-over";
  context.fillStyle = context.strokeStyle = colour;
  if (stroke.box) {
    const [x, y, w, h] = stroke.box;
    // Whole columns and rows: a rectangle by numbers ends where the numbers say.
    const [left, top] = [Math.round(x * width), Math.round(y * height)];
    context.fillRect(left, top, Math.round((x + w) * width) - left, Math.round((y + h) * height) - top);
  } else {
    // A brush is round on the screen, where a column and a row are not equally large.
    context.setTransform(width / stroke.aspect, 0, 0, height, 0, 0);
    context.lineCap = context.lineJoin = "round";
    stroke.points.forEach((point, number) => {
      const before = stroke.points[number - 1] ?? point;
      context.lineWidth = 2 * point.radius;
      context.beginPath();
      context.moveTo(before.x, before.y);
      context.lineTo(point.x, point.y + (before === point ? 1e-6 : 0)); // a dot is a line, too
      context.stroke();
    });
  }
  context.restore();
}
