// Painting strokes with a mouse, a pen or a finger.

import { $, button, getContext2d, input } from "../shared/dom";
import { drawStroke, type Ink, type Point, type Stroke } from "./strokes";

const TOOLS = ["brush", "eraser"] as const;

interface BrushEvents {
  /** The colour that strokes are painted in. */
  getInk(): Ink;
  onStroke(stroke: Stroke): void;
}

/** Draws strokes on a canvas while they are painted, and reports each one that is finished. */
export class Brush {
  private tool: (typeof TOOLS)[number] = "brush";
  private stroke: Stroke | null = null;
  private pointer: number | null = null;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly events: BrushEvents,
  ) {
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.continue(event));
    canvas.addEventListener("pointerup", (event) => this.end(event));
    canvas.addEventListener("pointercancel", (event) => this.end(event));
    for (const tool of TOOLS) button(tool).addEventListener("click", () => this.choose(tool));
  }

  /** How loud the brush paints, 0 … 1. */
  get level(): number {
    return Number(input("ink-level").value);
  }

  /** Forget the stroke that is being painted. */
  cancel(): void {
    this.stroke = null;
  }

  private choose(tool: (typeof TOOLS)[number]): void {
    this.tool = tool;
    for (const one of TOOLS) $(one).setAttribute("aria-pressed", String(one === tool));
  }

  private begin(event: PointerEvent): void {
    if (event.button !== 0 || this.stroke) return; // a second finger draws nothing
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    const { width, height } = this.canvas.getBoundingClientRect();
    const points = [this.locate(event)];
    this.stroke = { tool: this.tool, aspect: width / height, level: this.level, points };
    this.pointer = event.pointerId;
    this.drawNewest(this.stroke);
  }

  private continue(event: PointerEvent): void {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const one of between.length ? between : [event]) {
      this.stroke.points.push(this.locate(one));
      this.drawNewest(this.stroke);
    }
  }

  private end(event: PointerEvent): void {
    if (!this.stroke || event.pointerId !== this.pointer) return; // another finger was lifted
    const { stroke } = this;
    this.stroke = null;
    this.events.onStroke(stroke);
  }

  private locate(event: PointerEvent): Point {
    const { left, top, height } = this.canvas.getBoundingClientRect();
    // A pen says how hard it is pressed; fingers and mice do not.
    const isPressed = event.pointerType === "pen" && event.pressure > 0;
    const pressure = isPressed ? 0.3 + 1.4 * event.pressure : 1;
    return {
      x: (event.clientX - left) / height,
      y: (event.clientY - top) / height,
      radius: (Number(input("brush-size").value) / 200) * pressure,
    };
  }

  /** Draw the newest piece of a stroke, without drawing all strokes again. */
  private drawNewest(stroke: Stroke): void {
    const newest = { ...stroke, points: stroke.points.slice(-2) };
    drawStroke(getContext2d(this.canvas), newest, this.events.getInk()(stroke.level));
  }
}
