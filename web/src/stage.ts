// The picture: which view it is, and a frame at a time of it.

import { MAPS } from "./colours";
import { Flat } from "./flat";
import { Lullaby } from "./lullaby";
import { $, field, remember, remembered, select, toast } from "./page";
import type { Session } from "./session";
import type { View } from "./view";

/** Milliseconds of a frame above which sound would suffer, and above which it may be why it does. */
const TOO_SLOW = 300;
const SUSPECT = 100;
/** So many gaps in the sound within GAPS_MS are no accident any more. */
const GAPS = 3;
const GAPS_MS = 15000;
/** Milliseconds between two frames that mean that nobody looked. */
const AWAY = 6000;

const TABLE = "The timeline is there as a table, too.";
const LANDSCAPE = `The sound as a landscape: time flows towards you, low notes lie to the left, loud is high. ${TABLE}`;
const PICTURE = `The sound as a picture: time flows to the left, low notes lie below, loud is bright. ${TABLE}`;

export class Stage {
  view: View | null = null;
  readonly lullaby: Lullaby;
  /** Somebody chose this view: it stays, however slow it is, as long as the sound does not suffer. */
  private chosen = false;
  /** When the sound was seen to have jumped, and how often by then. */
  private gaps: number[] = [];
  private jumps = 0;
  private drawn = -1e9;
  private pause = 0;

  constructor(private readonly session: Session) {
    this.lullaby = new Lullaby(session.columns);
  }

  async begin(): Promise<void> {
    const asked = new URLSearchParams(location.search).get("view");
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    for (const [name, { title }] of Object.entries(MAPS))
      select("map").add(new Option(title, name));
    select("map").value = remembered("map") ?? "ember";
    select("kind").value = asked ?? remembered("kind") ?? "mountains";
    this.chosen = asked !== null || remembered("kind") !== null;
    field("calm").checked = remembered("calm") ? remembered("calm") === "yes" : still.matches;
    still.addEventListener("change", () => (field("calm").checked = still.matches));
    field("calm").addEventListener("change", () =>
      remember("calm", field("calm").checked ? "yes" : "no"),
    );
    select("map").addEventListener("change", () => {
      this.view?.colours(select("map").value);
      remember("map", select("map").value);
    });
    select("kind").addEventListener("change", () => {
      this.chosen = true;
      remember("kind", select("kind").value);
      void this.look(select("kind").value);
    });
    new ResizeObserver(() => this.view?.resize()).observe($("stage"));
    await this.look(select("kind").value);
    requestAnimationFrame(this.frame);
  }

  private async look(kind: string): Promise<void> {
    this.view?.dispose();
    this.view = null;
    this.gaps = [];
    if (kind !== "flat") {
      try {
        const { Terrain } = await import("./terrain");
        this.view = new Terrain(this.session.columns);
      } catch {
        toast("This browser shows no 3D here, so the picture is flat.");
        select("kind").value = "flat";
      }
    }
    this.view ??= new Flat(this.session.columns);
    const { view } = this;
    view.colours(select("map").value);
    view.element.tabIndex = 0;
    view.element.setAttribute("role", "img");
    const flat = view instanceof Flat;
    view.element.setAttribute("aria-label", flat ? PICTURE : LANDSCAPE);
    $("axis").hidden = flat;
    $("stage").replaceChildren(view.element);
    view.resize();
  }

  private frame = (now: number): void => {
    requestAnimationFrame(this.frame);
    const { view } = this;
    if (!view || now - this.drawn < this.pause) return;
    // A machine that cannot keep up draws less often, so that the sound has the time it needs.
    const took = now - this.drawn;
    this.drawn = now;
    const bearable = this.starved(now, took) ? SUSPECT : this.chosen ? Infinity : TOO_SLOW;
    if (view.effort > bearable && view.plainest) {
      toast(
        "This machine draws the mountains too slowly, so the picture is flat. Settings has them.",
        6000,
      );
      select("kind").value = "flat";
      return void this.look("flat");
    }
    if (took < 5000) this.pause = Math.min(1500, Math.max(0, (view.effort - 16) * 3));
    this.draw(view, now, field("calm").checked);
  };

  /** Whether the sound has gaps again and again. */
  private starved(now: number, took: number): boolean {
    const jumps = this.session.player?.jumps ?? 0;
    if (took > AWAY) this.jumps = jumps; // no frame can have been in their way
    for (; this.jumps < jumps; this.jumps++) this.gaps.push(now);
    this.gaps = this.gaps.filter((at) => now - at < GAPS_MS);
    return this.gaps.length >= GAPS;
  }

  private draw(view: View, now: number, calm: boolean): void {
    const { jam, hello, player, columns } = this.session;
    const sleeping = (calm ? 256 : now / 40) + 1000;
    if (!jam) this.lullaby.reach(Math.floor(sleeping));
    const sample = player?.position() ?? null;
    const column = !jam ? sleeping : sample !== null ? sample / 480 : columns.extent[1] - 200 || 0;
    const width = hello?.meter.width ?? 512;
    view.frame({
      column: Math.max(0, column),
      beat: width / (hello?.meter.beats ?? 8),
      measure: hello?.meter.measure ?? 4,
      turn: width,
      calm,
      awake: this.session.sounds || !jam,
    });
  }
}
