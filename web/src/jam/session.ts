// The jam that this page listens to: its sound, its spectrogram, its timeline and its status.

import { get, type Refusal, send } from "../shared/api";
import { COLUMNS_PER_SECOND } from "../shared/columns";
import { attempt } from "../shared/dom";
import type {
  HelloMessage,
  JamResponse,
  JamStatus,
  NewJam,
  StatusMessage,
  TimelineEntry,
} from "../shared/protocol";
import { createRiffLink } from "../shared/riff_offer";
import { SpectrogramRing } from "../viewer3d/spectrogram_ring";
import { isInDiscord, resolveAddress } from "./activity";
import { Connection } from "./connection";
import { chooseCodec, Player, RATE } from "./player";

/** Samples of a column of the spectrogram. */
export const SAMPLES_PER_COLUMN = RATE / COLUMNS_PER_SECOND;

/** Levels of a column; the server halves the 512 mel bands. */
const BANDS = 256;

/** Prompt and settings of a jam; a text where a number was mistyped. */
export type JamSettings = Partial<Record<keyof NewJam, string | number>>;

export class Session {
  readonly spectrogram = new SpectrogramRing(BANDS);
  player: Player | null = null;
  jam: JamStatus | null = null;
  hello: HelloMessage | null = null;
  /** What is wrong with the connection, as a sentence; empty while nothing is. */
  problem = "";
  /** Whether a jam is about to begin. */
  isStarting = false;
  /** The first sample of the jam that was heard on this page. */
  firstHeardSample: number | null = null;
  /** The chunks that were heard, sound or are planned, by their first column. */
  private readonly timeline = new Map<number, TimelineEntry>();
  private connection: Connection | null = null;
  private codec: "opus" | "pcm" = "pcm";

  /**
   * @param onChange - called when there is something new to show.
   * @param onEnd - called when a jam ends, with its last status.
   */
  constructor(
    private readonly onChange: () => void,
    private readonly onEnd: (last: JamStatus | null) => void,
  ) {}

  async prepare(): Promise<void> {
    this.codec = await chooseCodec();
  }

  get isPlaying(): boolean {
    return Boolean(this.player?.running) && this.jam !== null && this.jam.state !== "paused";
  }

  /** The column that sounds now. */
  get column(): number {
    return (this.player?.getPosition() ?? 0) / SAMPLES_PER_COLUMN;
  }

  /** The chunk that sounds now. */
  get currentEntry(): TimelineEntry | undefined {
    const { column } = this;
    return this.getEntries().findLast((entry) => entry.start <= column);
  }

  /** The chunks of the timeline, the earliest first. */
  getEntries(): TimelineEntry[] {
    return [...this.timeline.values()].sort((a, b) => a.start - b.start);
  }

  /** Start a private jam, in place of the one before. @returns whether it began. */
  async start(settings: JamSettings): Promise<boolean> {
    if (this.isStarting) return false;
    this.isStarting = true;
    this.onChange();
    // A browser lets sound begin only within the click itself.
    void this.ensurePlayer().play();
    const began = await attempt(
      async () => {
        const instead_of = this.jam?.private ? this.jam.id : undefined;
        const { jam } = await send<JamResponse>("POST", "jams", { ...settings, instead_of });
        history.pushState({}, "", resolveAddress(`jam/${jam.id}`));
        this.isStarting = false;
        this.listen(jam);
      },
      (refusal) => offerRiff(refusal, settings),
    );
    this.isStarting = false;
    this.onChange();
    return began;
  }

  /** Listen to a jam that plays. @throws Refusal where there is none of that id. */
  async join(id: string): Promise<void> {
    const { jam } = await get<JamResponse>(`jams/${encodeURIComponent(id)}`);
    this.ensurePlayer();
    this.listen(jam);
  }

  /** The jam is over, or there never was one. */
  end(sentence: string): void {
    this.connection?.close();
    this.connection = null;
    this.player?.reset();
    const last = this.jam;
    this.jam = null;
    this.problem = `${sentence} Play starts one like it.`;
    this.onEnd(last);
    this.onChange();
  }

  /** The player; made at the first call, since it needs a click. */
  ensurePlayer(): Player {
    if (!this.player) {
      this.player = new Player();
      this.player.context.addEventListener("statechange", this.onChange);
    }
    return this.player;
  }

  /** Play or pause; a private jam stands still meanwhile. */
  async togglePlayback(): Promise<void> {
    const { jam } = this;
    if (!jam) return;
    const player = this.ensurePlayer();
    await attempt(async () => {
      if (player.running && jam.state !== "paused") {
        await player.pause();
        if (jam.private) await this.control("pause");
      } else {
        void player.play();
        if (jam.private && jam.state === "paused") await this.control("resume");
      }
    });
    this.onChange();
  }

  /** Change how the jam goes on, or keep what was heard of it. @throws Refusal */
  control<T>(
    action: "prompt" | "keep" | "seed" | "denoising" | "harmony" | "pause" | "resume",
    body: object = {},
  ): Promise<T> {
    return send<T>("POST", `jams/${this.jam!.id}/${action}`, body);
  }

  private listen(jam: JamStatus): void {
    this.connection?.close();
    this.spectrogram.clear();
    this.timeline.clear();
    this.player?.reset();
    this.jam = jam;
    this.problem = "";
    this.firstHeardSample = null;
    this.connection = new Connection(jam.id, this.codec, {
      onHello: (hello) => {
        this.hello = hello;
        this.ensurePlayer().preSkip = hello.pre_skip;
        this.player?.flush();
        this.problem = "";
      },
      onStatus: (status) => this.update(status),
      onPackets: (sample, packets) => {
        this.noteHeard(sample);
        this.player?.playPackets(sample, packets);
      },
      onSamples: (sample, samples) => {
        this.noteHeard(sample);
        this.player?.playSamples(sample, samples);
      },
      onTile: (column, width, levels) => this.spectrogram.put(column, width, levels),
      onLost: (reason) => {
        this.problem = reason;
        this.player?.flush();
        this.onChange();
      },
      onOver: (sentence) => this.end(sentence),
    });
    this.onChange();
  }

  private noteHeard(sample: number): void {
    if (this.player?.running) this.firstHeardSample ??= sample;
  }

  private update(status: StatusMessage): void {
    const before = this.jam;
    this.jam = status;
    // The server sends what is planned anew; what was heard before that stays.
    const first = status.timeline[0]?.start;
    for (const start of this.timeline.keys()) {
      if (first !== undefined && start >= first) this.timeline.delete(start);
    }
    for (const entry of status.timeline) this.timeline.set(entry.start, entry);
    if (status.state === "paused" && before?.state !== "paused") this.player?.flush();
    this.onChange();
  }
}

/** A link to a single riff where a refusal offers one. Discord opens no other page. */
export function offerRiff({ offer }: Refusal, settings: JamSettings): Node[] {
  return offer === "riff" && !isInDiscord() ? [createRiffLink(settings)] : [];
}
