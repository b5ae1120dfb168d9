// Sound on the jam's clock. Every block is scheduled on the AudioContext at the very frame that its
// place says, so joins are exact, and where the playhead is follows from the same sum:
//
//     context frame = anchor + sample of the jam
//
// Scheduled buffers need neither a secure context (as worklets do) nor the main thread's attention.
// Opus is decoded by WebCodecs where there is one, else the server sends plain samples.

export const RATE = 48000;

/** Seconds between the newest sound and what is heard: what a connection may stumble over. */
const LEAD = 0.45;
const TOO_FAR = 2.0;
const FADE = 0.03;

interface Scheduled {
  source: AudioBufferSourceNode;
  until: number;
}

export async function bestCodec(): Promise<"opus" | "pcm"> {
  try {
    const told = await AudioDecoder.isConfigSupported({
      codec: "opus",
      sampleRate: RATE,
      numberOfChannels: 2,
    });
    return told.supported ? "opus" : "pcm";
  } catch {
    return "pcm";
  }
}

export class Player {
  readonly context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
  /** Everything that is heard goes through here. */
  readonly output = this.context.createGain();
  /** How often the sound had to jump to the live edge after it began. */
  jumps = 0;
  private anchor: number | null = null;
  private end = -Infinity;
  private newest = -Infinity;
  private newestAt = 0;
  private playing: Scheduled[] = [];
  private decoder: AudioDecoder | null = null;
  private waiting: Float32Array<ArrayBuffer>[] = [];
  private waitingAt = 0;
  private preSkip = 0;
  private stretch: GainNode | null = null;

  constructor() {
    this.output.connect(this.context.destination);
  }

  get running(): boolean {
    return this.context.state === "running";
  }

  async play(): Promise<void> {
    await this.context.resume();
    this.flush();
  }

  async pause(): Promise<void> {
    await this.context.suspend();
    this.flush();
  }

  /** Begin anew at the live edge, after a lost connection or a pause. */
  flush(): void {
    for (const { source } of this.playing) source.stop();
    this.playing = [];
    this.stretch = null;
    this.anchor = null;
    this.end = -Infinity;
    this.waiting = [];
    if (this.decoder && this.decoder.state !== "closed") this.decoder.close();
    this.decoder = null;
  }

  /** Forget the clock too: another jam begins. */
  reset(): void {
    this.flush();
    this.newest = -Infinity;
  }

  set lag(preSkip: number) {
    this.preSkip = preSkip;
  }

  /** Opus packets of 20 ms from a sample on. */
  packets(sample: number, packets: Uint8Array[]): void {
    this.heardOf(sample + packets.length * 960);
    if (!this.running) return;
    this.decoder ??= this.newDecoder();
    const { decoder } = this;
    packets.forEach((data, number) => {
      const timestamp = ((sample + number * 960) / RATE) * 1e6;
      decoder.decode(new EncodedAudioChunk({ type: "key", timestamp, duration: 20000, data }));
    });
  }

  /** Plain samples from a sample on. */
  samples(sample: number, samples: Int16Array): void {
    this.heardOf(sample + samples.length);
    if (!this.running) return;
    this.schedule(
      sample,
      Float32Array.from(samples, (value) => value / 32767),
    );
  }

  /** The sample of the jam that leaves the loudspeakers now; null before anything is known. */
  position(): number | null {
    // Where sound is missing, nothing moves: the playhead never runs ahead of what is heard.
    if (this.running && this.anchor !== null)
      return Math.min(this.sampleAt(this.sounding())!, this.end);
    if (this.newest === -Infinity) return null;
    const silent = this.newest + ((performance.now() - this.newestAt) / 1000) * RATE;
    return Math.min(silent, this.newest + RATE / 2) - LEAD * RATE;
  }

  /** The jam's sample that a moment on the context's clock plays. */
  sampleAt(contextTime: number): number | null {
    return this.anchor === null ? null : contextTime * RATE - this.anchor;
  }

  /** The context's time of what leaves the loudspeakers now: the latency of the output is in it. */
  sounding(): number {
    const { currentTime, outputLatency, baseLatency } = this.context;
    const stamp = this.context.getOutputTimestamp?.();
    if (stamp?.contextTime && stamp.performanceTime) {
      const time = stamp.contextTime + (performance.now() - stamp.performanceTime) / 1000;
      if (Math.abs(time - currentTime) < 1) return Math.min(time, currentTime);
    }
    return currentTime - (outputLatency || baseLatency || 0);
  }

  /** Seconds of sound that are scheduled. */
  get ahead(): number {
    return this.anchor === null ? 0 : (this.end + this.anchor) / RATE - this.context.currentTime;
  }

  private heardOf(sample: number): void {
    this.newest = sample;
    this.newestAt = performance.now();
  }

  private newDecoder(): AudioDecoder {
    const decoder = new AudioDecoder({
      output: (data) => this.decoded(data),
      error: () => this.flush(), // the next packet makes a new one
    });
    decoder.configure({ codec: "opus", sampleRate: RATE, numberOfChannels: 2 });
    return decoder;
  }

  private decoded(data: AudioData): void {
    const samples = new Float32Array(data.numberOfFrames);
    data.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
    const sample = Math.round((data.timestamp * RATE) / 1e6) - this.preSkip;
    data.close();
    const length = this.waiting.reduce((sum, part) => sum + part.length, 0);
    if (length && this.waitingAt + length !== sample) this.handOver();
    if (!this.waiting.length) this.waitingAt = sample;
    this.waiting.push(samples);
    if (this.waiting.length >= 4) this.handOver();
  }

  private handOver(): void {
    const length = this.waiting.reduce((sum, part) => sum + part.length, 0);
    const all = new Float32Array(length);
    let at = 0;
    for (const part of this.waiting) {
      all.set(part, at);
      at += part.length;
    }
    this.waiting = [];
    if (length) this.schedule(this.waitingAt, all);
  }

  private schedule(sample: number, samples: Float32Array<ArrayBuffer>): void {
    // Had it already; or the server knew nothing of it, being late itself.
    if (sample < this.end || !samples.length) return;
    const now = this.context.currentTime;
    const late = this.anchor !== null && (this.anchor + sample) / RATE < now + 0.005;
    const far = this.anchor !== null && (this.anchor + sample) / RATE > now + TOO_FAR;
    if (this.anchor === null || late || far) this.jump(sample, now);
    const source = this.context.createBufferSource();
    source.buffer = this.context.createBuffer(1, samples.length, RATE);
    source.buffer.copyToChannel(samples, 0);
    source.connect(this.stretch!);
    source.start((this.anchor! + sample) / RATE);
    this.end = sample + samples.length;
    this.playing = this.playing.filter(({ until }) => until > now);
    this.playing.push({ source, until: (this.anchor! + this.end) / RATE });
  }

  /** Let a sample sound LEAD from now on; what is scheduled after that fades away. */
  private jump(sample: number, now: number): void {
    if (this.anchor !== null) this.jumps++;
    // Less than LEAD is already in store when the first messages come in a burst.
    const begins = Math.ceil((now + LEAD * 0.75) * RATE);
    for (const { source, until } of this.playing)
      if (until > begins / RATE) source.stop(begins / RATE);
    this.anchor = begins - sample;
    this.stretch = this.context.createGain();
    this.stretch.gain.setValueAtTime(0, begins / RATE);
    this.stretch.gain.linearRampToValueAtTime(1, begins / RATE + FADE);
    this.stretch.connect(this.output);
  }
}
