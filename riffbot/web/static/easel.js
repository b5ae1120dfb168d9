// The easel: a brush over a riff's spectrogram says what to make anew, or a blank sheet is drawn
// on. What is painted stays until it is done, whatever is answered; nothing is computed here.

import { $, api, send } from "./api.js";
import { PALETTE, paintFrom, silence } from "./spectrogram.js";
import { drawStroke, Strokes } from "./strokes.js";

/**
 * @typedef {object} Sheet
 * @property {number} columns
 * @property {number} seconds
 * @property {number[]} hz the pitch of every row, low notes first
 * @property {string} [picture]
 * @property {number} [begins]
 * @property {number} [whole]
 */

const RAW = /** @type {const} */ (["black", "white"]);
const MASK = () => "#6fe3ff";
const INK = (/** @type {number} */ level) => `rgb(${PALETTE[Math.round(255 * level)].map(Math.round).join(" ")})`;
const GREY = (/** @type {number} */ level) => `rgb(${Array(3).fill(Math.round(255 * (1 - level))).join(" ")})`;
const ROWS = 512;

export class Easel {
  /** @type {Sheet | null} */
  sheet = null;
  /** @type {any} the riff that is painted on; null on a blank sheet */
  riff = null;
  tool = "brush";
  strokes = new Strokes();
  /** @type {import("./strokes.js").Stroke | null} */
  stroke = null;

  /**
   * @param {{ begun(job: any): void, opened(): void, closed(): void }} page told when a clip is on
   *   its way, and when the sheet comes and goes
   */
  constructor(page) {
    this.page = page;
    this.layer = $("paint");
    this.ground = $("spectrogram");
    this.wire();
  }

  get open() {
    return this.sheet !== null;
  }

  /** Paint on a riff, from a second on. @param {any} riff @param {number} start */
  async on(riff, start = 0) {
    await this.attempt(async () => {
      const sheet = await api(`riffs/${encodeURIComponent(riff.id)}/sheet?start=${start}`);
      this.riff = riff;
      this.take(sheet);
      await paintFrom(this.ground, sheet.picture, () => this.sheet === sheet);
    });
  }

  /** Draw on a blank sheet. @param {string | number} seconds */
  async blank(seconds = 5.12) {
    await this.attempt(async () => {
      const sheet = await api(`sheet?seconds=${encodeURIComponent(seconds)}`);
      const kept = this.open && !this.riff ? this.strokes.done : [];
      this.riff = null;
      this.take(sheet);
      this.strokes.done = kept; // another length keeps what was drawn
      silence(this.ground, sheet.columns);
      this.show();
    });
  }

  close() {
    this.sheet = this.riff = this.stroke = null;
    this.strokes.clear();
    this.layer.hidden = true;
    $("easel").hidden = true;
    this.complain("");
    this.page.closed();
  }

  /** Step aside while a clip is made, and come back if there was none. @param {boolean} aside */
  wait(aside) {
    if (!this.open) return;
    this.layer.hidden = aside;
    $("easel-go").disabled = aside;
    if (aside) return;
    if (this.riff) void paintFrom(this.ground, /** @type {string} */ (this.sheet?.picture));
    else silence(this.ground, /** @type {Sheet} */ (this.sheet).columns);
    this.show();
  }

  /** @param {string} sentence */
  complain(sentence) {
    $("easel-complaint").textContent = sentence;
  }

  // --- what is on it ----------------------------------------------------------------------------

  /** @param {Sheet} sheet */
  take(sheet) {
    const { riff } = this;
    this.sheet = sheet;
    this.strokes.clear();
    this.layer.width = sheet.columns;
    this.layer.height = ROWS;
    this.layer.classList.toggle("mask", riff !== null);
    $("easel").hidden = this.layer.hidden = $("easel-go").disabled = false;
    $("easel-title").textContent = riff ? "Paint over it" : "Draw a sound";
    $("easel-hint").textContent = riff
      ? "Brush over what should be made anew; the rest stays as it is, to the pixel."
      : "Left to right is time, bottom to top is pitch, bright is loud. Without a prompt it sounds as it is.";
    $("easel-prompt-label").textContent = riff ? "What should be there?" : "What should it become? (may stay empty)";
    $("easel-prompt").placeholder = riff ? riff.request.prompt : "violin";
    $("easel-go").textContent = riff ? "Make it anew" : "Hear it";
    $("level-field").hidden = $("leave-field").hidden = riff !== null;
    $("sheet-start-field").hidden = !riff || (sheet.whole ?? 0) <= sheet.seconds + 0.01;
    $("sheet-seconds-field").hidden = riff !== null;
    if (riff) $("sheet-start").value = String(sheet.begins ?? 0);
    else $("sheet-seconds").value = String(sheet.seconds);
    $("box-from").placeholder = String(this.begins);
    $("box-to").placeholder = String(+(this.begins + sheet.seconds).toFixed(2));
    this.complain("");
    this.show();
    this.page.opened();
  }

  get begins() {
    return this.sheet?.begins ?? 0;
  }

  show() {
    const { done, undone } = this.strokes;
    this.strokes.drawOn(this.layer, this.riff ? MASK : INK);
    $("undo").disabled = done.length === 0;
    $("redo").disabled = undone.length === 0;
    $("wipe").disabled = this.strokes.empty;
    const what = this.riff ? "The spectrogram, to paint on" : "A sheet to draw on";
    this.layer.setAttribute("aria-label", `${what}. ${done.length} ${done.length === 1 ? "stroke" : "strokes"} so far.`);
  }

  // --- the brush ----------------------------------------------------------------------------------

  /** @param {PointerEvent} event */
  point(event) {
    const { left, top, width, height } = this.layer.getBoundingClientRect();
    // A pen says how hard it is pressed; fingers and mice do not.
    const pressed = event.pointerType === "pen" && event.pressure > 0 ? 0.3 + 1.4 * event.pressure : 1;
    return {
      x: (event.clientX - left) / height,
      y: (event.clientY - top) / height,
      radius: (Number($("brush-size").value) / 200) * pressed,
      aspect: width / height,
    };
  }

  /** @param {PointerEvent} event */
  begin(event) {
    if (event.button !== 0 || this.stroke) return; // a second finger draws nothing
    event.preventDefault();
    this.layer.setPointerCapture(event.pointerId);
    const { aspect, ...point } = this.point(event);
    this.stroke = { tool: /** @type {any} */ (this.tool), aspect, level: this.level, points: [point] };
    this.pointer = event.pointerId;
    this.more();
  }

  /** @param {PointerEvent} event */
  go(event) {
    this.tell(event);
    if (!this.stroke || event.pointerId !== this.pointer) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const one of between.length ? between : [event]) {
      const { aspect, ...point } = this.point(one);
      this.stroke.points.push(point);
      this.more();
    }
  }

  /** Show the newest piece of the stroke, without drawing all of them again. */
  more() {
    const stroke = /** @type {import("./strokes.js").Stroke} */ (this.stroke);
    drawStroke(this.layer.getContext("2d"), { ...stroke, points: stroke.points.slice(-2) }, (this.riff ? MASK : INK)(stroke.level));
  }

  /** @param {PointerEvent} event */
  end(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return; // another finger was lifted
    this.strokes.add(this.stroke);
    this.stroke = null;
    this.complain(""); // “nothing is painted” is over
    this.show();
  }

  /** Where the pointer is. @param {PointerEvent} event */
  tell(event) {
    if (!this.sheet) return;
    const { left, top, width, height } = this.layer.getBoundingClientRect();
    const [x, y] = [(event.clientX - left) / width, (event.clientY - top) / height];
    const row = Math.min(ROWS - 1, Math.max(0, Math.floor((1 - y) * ROWS)));
    $("easel-where").textContent = `${(this.begins + x * this.sheet.seconds).toFixed(2)} s, ${Math.round(this.sheet.hz[row])} Hz`;
  }

  get level() {
    return Number($("ink-level").value);
  }

  // --- a rectangle by numbers ------------------------------------------------------------------------

  box() {
    const sheet = /** @type {Sheet} */ (this.sheet);
    const number = (/** @type {string} */ id, /** @type {number} */ otherwise) => {
      const text = $(id).value.trim().replace(",", ".");
      return text === "" ? otherwise : Number(text);
    };
    const last = this.begins + sheet.seconds;
    const [from, to] = [number("box-from", this.begins), number("box-to", last)];
    const [low, high] = [number("box-low", 0), number("box-high", 10000)];
    if (!(from >= this.begins && from < to && to <= last + 0.005)) {
      return this.complain(`Say two moments of this sheet, the earlier first: it goes from ${this.begins} to ${+last.toFixed(2)} s.`);
    }
    const bottom = sheet.hz.findIndex((hz) => hz >= low);
    const top = sheet.hz.findLastIndex((hz) => hz <= high);
    if (!(low < high) || bottom < 0 || top < bottom) {
      return this.complain("Say two pitches from 0 to 10000 Hz, the lower first, a few Hz apart.");
    }
    this.complain("");
    const [first, end] = [from, to].map((s) => Math.round((s - this.begins) * 100) / sheet.columns);
    this.strokes.add({
      tool: "rectangle",
      aspect: 1,
      level: this.level,
      points: [],
      box: [first, (ROWS - 1 - top) / ROWS, Math.max(1 / sheet.columns, end - first), (top - bottom + 1) / ROWS],
    });
    this.show();
  }

  // --- making ---------------------------------------------------------------------------------------------

  async make() {
    const { sheet, riff, strokes } = this;
    if (!sheet) return;
    if (strokes.empty) {
      return this.complain(riff
        ? "Nothing is painted yet: brush over what should be made anew, or add a rectangle."
        : "Nothing is drawn yet: draw with the brush, or add a rectangle.");
    }
    const prompt = $("easel-prompt").value.trim();
    $("easel-go").disabled = true;
    await this.attempt(async () => {
      const job = riff
        ? await send("POST", `riffs/${encodeURIComponent(riff.id)}/inpaint`, {
          prompt, start: this.begins, mask: strokes.picture(sheet.columns, RAW[0], () => RAW[1]),
        })
        : await send("POST", "drawings", {
          prompt, picture: strokes.picture(sheet.columns, RAW[1], GREY), ...(prompt ? { denoising: Number($("leave").value) } : {}),
        });
      this.page.begun(job);
    });
    if ($("easel-complaint").textContent) $("easel-go").disabled = false;
  }

  /** @param {() => Promise<void>} work */
  async attempt(work) {
    this.complain("");
    try {
      await work();
    } catch (error) {
      // Where there is no easel yet, its sentence would not be seen.
      $("easel").hidden = false;
      this.complain(/** @type {Error} */ (error).message);
    }
  }

  wire() {
    const { layer } = this;
    layer.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.begin(event));
    layer.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => this.go(event));
    for (const name of ["pointerup", "pointercancel"]) layer.addEventListener(name, (/** @type {PointerEvent} */ event) => this.end(event));
    layer.addEventListener("pointerleave", () => ($("easel-where").textContent = ""));
    for (const tool of ["brush", "eraser"]) {
      $(tool).addEventListener("click", () => {
        this.tool = tool;
        for (const one of ["brush", "eraser"]) $(one).setAttribute("aria-pressed", String(one === tool));
      });
    }
    const back = (/** @type {"undo" | "redo"} */ way) => {
      this.strokes[way]();
      this.show();
    };
    $("undo").addEventListener("click", () => back("undo"));
    $("redo").addEventListener("click", () => back("redo"));
    $("wipe").addEventListener("click", () => {
      this.strokes.add({ tool: "wipe", aspect: 1, level: 0, points: [] });
      this.show();
    });
    $("box-form").addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      this.box();
    });
    $("easel-form").addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      void this.make();
    });
    $("easel-close").addEventListener("click", () => this.close());
    $("sheet-start").addEventListener("change", () => {
      const start = $("sheet-start").value;
      if (this.strokes.empty) return void this.on(this.riff, Number(start.replace(",", ".")) || 0);
      $("sheet-start").value = String(this.begins);
      this.complain("Clear the sheet first: on another stretch, what is painted would be lost.");
    });
    $("sheet-seconds").addEventListener("change", () => void this.blank($("sheet-seconds").value.trim().replace(",", ".")));
    addEventListener("keydown", (event) => {
      const target = /** @type {HTMLElement} */ (event.target);
      if (!this.open || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
      if (target.closest("input:not([type=range]), textarea")) return; // words have their own undo
      event.preventDefault();
      back(event.shiftKey ? "redo" : "undo");
    });
  }
}
