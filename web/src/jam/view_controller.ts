// Which view of the spectrogram is shown, and drawing it frame by frame: the mountains where the
// machine can draw them beside the sound, else the flat view.

import { $, input, select, showToast } from "../shared/dom";
import { recall, remember } from "../shared/storage";
import { COLOUR_MAPS } from "../viewer3d/colour_maps";
import { FlatView } from "../viewer3d/flat_view";
import { IdleAnimation } from "../viewer3d/idle_animation";
import type { View } from "../viewer3d/view";
import { SAMPLES_PER_COLUMN, type Session } from "./session";

/** Milliseconds that a frame may take: more of them would make the sound suffer. */
const MAX_FRAME_MS = 300;
/** The same while the sound has gaps: from here on the frames may be their cause. */
const MAX_FRAME_WITH_GAPS_MS = 100;
/** This many gaps in the sound within GAPS_WINDOW_MS are no accident. */
const MAX_GAPS = 3;
const GAPS_WINDOW_MS = 15000;
/** Milliseconds between two frames after which the page must have been hidden. */
const HIDDEN_MS = 6000;
/** Milliseconds of a frame at 60 a second. */
const FLUENT_FRAME_MS = 16;
/** Columns ahead of the live edge's start while the sound's position is not known yet. */
const UNKNOWN_POSITION_COLUMNS = 200;
/** What the grid shows before the server has said it: columns of a loop, beats of it, measure. */
const DEFAULT_LOOP_GRID = { width: 512, beats: 8, measure: 4 };

const TABLE = "The timeline is there as a table, too.";
const MOUNTAINS_LABEL = `The sound as a landscape: time flows towards you, low notes lie to the left, loud is high. ${TABLE}`;
const FLAT_LABEL = `The sound as a picture: time flows to the left, low notes lie below, loud is bright. ${TABLE}`;

export class ViewController {
  view: View | null = null;
  readonly idleAnimation: IdleAnimation;
  /** Somebody chose this view: it stays, however slow it is, as long as the sound has no gaps. */
  private isChosen = false;
  /** When the last gaps in the sound were noticed, and the player's count by then. */
  private gaps: number[] = [];
  private jumps = 0;
  /** When the last frame was drawn, and how long to wait until the next. */
  private drawnAt = -1e9;
  private pauseMs = 0;

  constructor(private readonly session: Session) {
    this.idleAnimation = new IdleAnimation(session.spectrogram);
  }

  /** Fill and connect the settings of the view, show it, and draw it from now on. */
  async start(): Promise<void> {
    const requested = new URLSearchParams(location.search).get("view");
    for (const [name, { title }] of Object.entries(COLOUR_MAPS)) {
      select("map").add(new Option(title, name));
    }
    select("map").value = recall("map") ?? "ember";
    select("kind").value = requested ?? recall("kind") ?? "mountains";
    this.isChosen = requested !== null || recall("kind") !== null;
    this.initCalm();
    select("map").addEventListener("change", () => {
      this.view?.setColourMap(select("map").value);
      remember("map", select("map").value);
    });
    select("kind").addEventListener("change", () => {
      this.isChosen = true;
      remember("kind", select("kind").value);
      void this.showView(select("kind").value);
    });
    new ResizeObserver(() => this.view?.resize()).observe($("stage"));
    await this.showView(select("kind").value);
    requestAnimationFrame(this.drawNextFrame);
  }

  private initCalm(): void {
    const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
    const calm = input("calm");
    calm.checked = recall("calm") ? recall("calm") === "yes" : reducedMotion.matches;
    reducedMotion.addEventListener("change", () => {
      calm.checked = reducedMotion.matches;
    });
    calm.addEventListener("change", () => remember("calm", calm.checked ? "yes" : "no"));
  }

  private async showView(kind: string): Promise<void> {
    this.view?.dispose();
    this.view = null;
    this.gaps = [];
    if (kind !== "flat") {
      try {
        const { Terrain } = await import("../viewer3d/terrain");
        this.view = new Terrain(this.session.spectrogram);
      } catch {
        showToast("This browser shows no 3D here, so the picture is flat.");
        select("kind").value = "flat";
      }
    }
    this.view ??= new FlatView(this.session.spectrogram);
    const { view } = this;
    const isFlat = view instanceof FlatView;
    view.setColourMap(select("map").value);
    view.element.tabIndex = 0;
    view.element.setAttribute("role", "img");
    view.element.setAttribute("aria-label", isFlat ? FLAT_LABEL : MOUNTAINS_LABEL);
    $("axis").hidden = isFlat;
    $("stage").replaceChildren(view.element);
    view.resize();
  }

  private drawNextFrame = (now: number): void => {
    requestAnimationFrame(this.drawNextFrame);
    const { view } = this;
    if (!view || now - this.drawnAt < this.pauseMs) return;
    const elapsed = now - this.drawnAt;
    this.drawnAt = now;
    if (this.isTooSlow(view, now, elapsed)) {
      showToast(
        "This machine draws the mountains too slowly, so the picture is flat. Settings has them.",
        6000,
      );
      select("kind").value = "flat";
      return void this.showView("flat");
    }
    // A machine that cannot keep up draws less often, so that the sound has the time it needs.
    if (elapsed < 5000) {
      this.pauseMs = Math.min(1500, Math.max(0, (view.frameMs - FLUENT_FRAME_MS) * 3));
    }
    this.drawFrame(view, now, input("calm").checked);
  };

  /** Whether even the cheapest drawing of this view takes the time that the sound needs. */
  private isTooSlow(view: View, now: number, elapsed: number): boolean {
    const limit = this.hasGaps(now, elapsed)
      ? MAX_FRAME_WITH_GAPS_MS
      : this.isChosen
        ? Infinity
        : MAX_FRAME_MS;
    return view.frameMs > limit && view.isAtLowestQuality;
  }

  /** Whether the sound has gaps again and again. */
  private hasGaps(now: number, elapsed: number): boolean {
    const jumps = this.session.player?.jumps ?? 0;
    if (elapsed > HIDDEN_MS) this.jumps = jumps; // no frame can have been their cause
    for (; this.jumps < jumps; this.jumps++) this.gaps.push(now);
    this.gaps = this.gaps.filter((at) => now - at < GAPS_WINDOW_MS);
    return this.gaps.length >= MAX_GAPS;
  }

  private drawFrame(view: View, now: number, isCalm: boolean): void {
    const { jam, hello, isPlaying } = this.session;
    const idleColumn = (isCalm ? 256 : now / 40) + 1000;
    if (!jam) this.idleAnimation.fillAround(Math.floor(idleColumn));
    const { width, beats, measure } = hello?.meter ?? DEFAULT_LOOP_GRID;
    view.drawFrame({
      column: Math.max(0, jam ? this.getColumn() : idleColumn),
      columnsPerBeat: width / beats,
      beatsPerMeasure: measure,
      columnsPerLoop: width,
      isCalm,
      isBright: isPlaying || !jam,
    });
  }

  private getColumn(): number {
    const sample = this.session.player?.getPosition() ?? null;
    if (sample !== null) return sample / SAMPLES_PER_COLUMN;
    return this.session.spectrogram.extent[1] - UNKNOWN_POSITION_COLUMNS || 0;
  }
}
