// The strokes of a brush on a sheet, with undo. A stroke is stored in fractions of the sheet, so
// that it can be drawn again at any size, as a colour to look at or as grey to send.

import { create, getContext2d } from "../shared/dom";
import { ROWS } from "../shared/spectrogram";

export interface Point {
  /** 0 … the stroke's aspect. */
  x: number;
  /** 0 (top) … 1. */
  y: number;
  /** Of the brush; the sheet's height is 1. */
  radius: number;
}

export interface Stroke {
  tool: "brush" | "eraser" | "rectangle" | "wipe";
  /** Width of the sheet on the screen; its height is 1. */
  aspect: number;
  /** 0 … 1, how loud. */
  level: number;
  points: Point[];
  /** Of a rectangle, in fractions of the sheet. */
  box?: { x: number; y: number; width: number; height: number };
}

/** The CSS colour of a level, 0 … 1. */
export type Ink = (level: number) => string;

export class Strokes {
  done: Stroke[] = [];
  undone: Stroke[] = [];

  add(stroke: Stroke): void {
    this.done.push(stroke);
    this.undone = [];
  }

  undo(): void {
    const last = this.done.pop();
    if (last) this.undone.push(last);
  }

  redo(): void {
    const next = this.undone.pop();
    if (next) this.done.push(next);
  }

  clear(): void {
    this.done = [];
    this.undone = [];
  }

  /** Whether nothing can be seen of them. */
  get isEmpty(): boolean {
    const wiped = this.done.findLastIndex(({ tool }) => tool === "wipe");
    return !this.done.slice(wiped + 1).some(({ tool }) => tool !== "eraser");
  }

  /** Draw them all on a transparent canvas. */
  drawOn(canvas: HTMLCanvasElement, ink: Ink): void {
    const context = getContext2d(canvas);
    context.clearRect(0, 0, canvas.width, canvas.height);
    for (const stroke of this.done) drawStroke(context, stroke, ink(stroke.level));
  }

  /** A PNG as a data URL: the strokes over a background, so many columns wide. */
  toDataUrl(columns: number, background: string, ink: Ink): string {
    const layer = create("canvas", { width: columns, height: ROWS });
    this.drawOn(layer, ink);
    const sheet = create("canvas", { width: columns, height: ROWS });
    const context = getContext2d(sheet);
    context.fillStyle = background;
    context.fillRect(0, 0, columns, ROWS);
    context.drawImage(layer, 0, 0);
    return sheet.toDataURL("image/png");
  }
}

/** Draw a stroke over what is on the canvas; the eraser and wiping make it transparent. */
export function drawStroke(
  context: CanvasRenderingContext2D,
  stroke: Stroke,
  colour: string,
): void {
  const { width, height } = context.canvas;
  if (stroke.tool === "wipe") {
    context.clearRect(0, 0, width, height);
    return;
  }
  context.save();
  const isEraser = stroke.tool === "eraser";
  context.globalCompositeOperation = isEraser ? "destination-out" : "source-over";
  context.fillStyle = colour;
  context.strokeStyle = colour;
  if (stroke.box) fillBox(context, stroke.box);
  else drawLine(context, stroke);
  context.restore();
}

function fillBox(context: CanvasRenderingContext2D, box: NonNullable<Stroke["box"]>): void {
  const { width, height } = context.canvas;
  // Whole columns and rows: a rectangle by numbers ends where the numbers say.
  const left = Math.round(box.x * width);
  const top = Math.round(box.y * height);
  const right = Math.round((box.x + box.width) * width);
  const bottom = Math.round((box.y + box.height) * height);
  context.fillRect(left, top, right - left, bottom - top);
}

function drawLine(context: CanvasRenderingContext2D, stroke: Stroke): void {
  const { width, height } = context.canvas;
  // A brush is round on the screen, where a column and a row are not equally large.
  context.setTransform(width / stroke.aspect, 0, 0, height, 0, 0);
  context.lineCap = "round";
  context.lineJoin = "round";
  stroke.points.forEach((point, number) => {
    const before = stroke.points[number - 1] ?? point;
    context.lineWidth = 2 * point.radius;
    context.beginPath();
    context.moveTo(before.x, before.y);
    context.lineTo(point.x, point.y + (before === point ? 1e-6 : 0)); // a dot is a line, too
    context.stroke();
  });
}
