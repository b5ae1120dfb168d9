// The jam that this page listens to: its sound, its picture, what it says, and what one may wish.

import { inDiscord, place } from "./activity";
import { Columns } from "./columns";
import { Connection, type Entry, type Hello, type Status } from "./connection";
import { api, attempt, type Refusal, riffInstead, send } from "./page";
import { bestCodec, Player } from "./player";

export class Session {
  readonly columns = new Columns(256);
  /** The chunks that were heard, sound or are planned, by their first column. */
  readonly history = new Map<number, Entry>();
  player: Player | null = null;
  jam: Status | null = null;
  hello: Hello | null = null;
  /** What is wrong with the connection, as a sentence. */
  trouble = "";
  busy = false;
  /** The first sample that this page heard of its jam. */
  heardFrom: number | null = null;
  private connection: Connection | null = null;
  private codec: "opus" | "pcm" = "pcm";

  /** Called when there is something new to show, and with the jam when one ends. */
  constructor(
    private readonly changed: () => void,
    private readonly over: (last: Status | null) => void,
  ) {}

  async prepare(): Promise<void> {
    this.codec = await bestCodec();
  }

  get sounds(): boolean {
    return Boolean(this.player?.running) && this.jam !== null && this.jam.state !== "paused";
  }

  /** The column that sounds now. */
  get column(): number {
    return (this.player?.position() ?? 0) / 480;
  }

  /** The chunk that sounds now. */
  get entry(): Entry | undefined {
    const column = this.column;
    return this.entries().findLast((entry) => entry.start <= column);
  }

  entries(): Entry[] {
    return [...this.history.values()].sort((a, b) => a.start - b.start);
  }

  /** Begin a jam of one's own, in place of the one before. Whether it began. */
  async start(wish: Record<string, string | number>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.changed();
    // A browser lets sound begin only with the click itself.
    void this.ready().play();
    const began = await attempt(
      async () => {
        const instead_of = this.jam?.private ? this.jam.id : undefined;
        const { jam } = await send("POST", "jams", { ...wish, instead_of });
        history.pushState({}, "", place(`jam/${jam.id}`));
        this.busy = false;
        this.listen(jam);
      },
      (refusal) => singleRiff(refusal, wish),
    );
    this.busy = false;
    this.changed();
    return began;
  }

  /** Listen along to a jam that plays. Raises where there is none of that name. */
  async join(id: string): Promise<void> {
    const { jam } = await api(`jams/${encodeURIComponent(id)}`);
    this.ready();
    this.listen({ ...jam, timeline: [] });
  }

  listen(begun: Status): void {
    this.connection?.close();
    this.columns.clear();
    this.history.clear();
    this.player?.reset();
    this.jam = begun;
    this.trouble = "";
    this.heardFrom = null;
    this.connection = new Connection(begun.id, this.codec, {
      hello: (told) => {
        this.hello = told;
        this.ready().lag = told.pre_skip;
        this.player?.flush();
        this.trouble = "";
      },
      status: (told) => this.told(told),
      packets: (sample, packets) => {
        this.heard(sample);
        this.player?.packets(sample, packets);
      },
      samples: (sample, samples) => {
        this.heard(sample);
        this.player?.samples(sample, samples);
      },
      tile: (column, width, tile) => this.columns.put(column, width, tile),
      lost: (words) => {
        this.trouble = words;
        this.player?.flush();
        this.changed();
      },
      over: (sentence) => this.ended(sentence),
    });
    this.changed();
  }

  /** The jam is over, or there never was one. */
  ended(sentence: string): void {
    this.connection?.close();
    this.connection = null;
    this.player?.reset();
    const last = this.jam;
    this.jam = null;
    this.trouble = `${sentence} Play starts one like it.`;
    this.over(last);
    this.changed();
  }

  ready(): Player {
    if (!this.player) {
      this.player = new Player();
      this.player.context.addEventListener("statechange", this.changed);
    }
    return this.player;
  }

  /** Play or pause; a jam of one's own stands still meanwhile. */
  async toggle(): Promise<void> {
    const { jam } = this;
    if (!jam) return;
    const plays = this.ready().running && jam.state !== "paused";
    await attempt(async () => {
      if (plays) {
        await this.player!.pause();
        if (jam.private) await this.wish("pause");
      } else {
        void this.player!.play();
        if (jam.private && jam.state === "paused") await this.wish("resume");
      }
    });
    this.changed();
  }

  /** Ask the jam for something: `prompt`, `keep`, `seed`, `denoising`, `pause`, `resume`. */
  wish(what: string, body: object = {}): Promise<any> {
    return send("POST", `jams/${this.jam!.id}/${what}`, body);
  }

  private heard(sample: number): void {
    if (this.player?.running) this.heardFrom ??= sample;
  }

  private told(told: Status): void {
    const before = this.jam;
    this.jam = told;
    const first = told.timeline[0]?.start;
    for (const start of this.history.keys())
      if (first !== undefined && start >= first) this.history.delete(start);
    for (const entry of told.timeline) this.history.set(entry.start, entry);
    if (told.state === "paused" && before?.state !== "paused") this.player?.flush();
    this.changed();
  }
}

/** Where no jam can play a single riff still can, one click away. Discord opens no other page. */
export function singleRiff({ offer }: Refusal, wish: Record<string, string | number>): Node[] {
  return offer === "riff" && !inDiscord() ? [riffInstead(wish)] : [];
}
