// Sound on the jam's clock. Each block is scheduled on the AudioContext at the exact frame that its
// position says, so joins are exact, and the playhead follows from the same sum:
//
//     frame of the context = anchor + sample of the jam
//
// Scheduled buffers need neither a secure context (as worklets do) nor the main thread's attention.
// Opus is decoded by WebCodecs where the browser has it, else the server sends plain samples.

/** Samples a second. */
export const RATE = 48000;

/** Samples of an Opus packet, 20 ms. */
const PACKET_SAMPLES = 960;
const PACKET_US = 20000;
/** Packets that are decoded before they are scheduled as one block. */
const BLOCK_PACKETS = 4;

/** Seconds between the newest sound and what is heard: what the network's jitter may use up. */
const LEAD_S = 0.45;
/** Seconds ahead of now at which a block belongs to another stretch of the jam. */
const TOO_FAR_S = 2.0;
const FADE_S = 0.03;
/** Seconds that the silent playhead may run beyond the newest sound. */
const SILENT_RUN_S = 0.5;

interface ScheduledBlock {
  source: AudioBufferSourceNode;
  /** Seconds of the context's clock. */
  end: number;
}

/** Opus where the browser decodes it, else plain samples. */
export async function chooseCodec(): Promise<"opus" | "pcm"> {
  try {
    const support = await AudioDecoder.isConfigSupported({
      codec: "opus",
      sampleRate: RATE,
      numberOfChannels: 2,
    });
    return support.supported ? "opus" : "pcm";
  } catch {
    return "pcm";
  }
}

export class Player {
  readonly context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
  /** Everything that is heard goes through this node. */
  readonly output = this.context.createGain();
  /** Samples that the decoder puts before the first one. */
  preSkip = 0;
  /** How often the sound had to jump to the live edge after it began. */
  jumps = 0;
  /** Frame of the context's clock at sample 0 of the jam; null before anything is scheduled. */
  private anchor: number | null = null;
  /** The sample behind the last scheduled one. */
  private end = -Infinity;
  /** The sample behind the last received one, and when it came (ms of performance.now). */
  private newest = -Infinity;
  private newestAt = 0;
  private scheduled: ScheduledBlock[] = [];
  private decoder: AudioDecoder | null = null;
  /** Decoded packets that follow each other, and the sample that they begin at. */
  private decoded: Float32Array<ArrayBuffer>[] = [];
  private decodedAt = 0;
  /** What blocks are connected to since the last jump; it fades in. */
  private fader: GainNode | null = null;

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

  /** Stop what is scheduled and begin anew at the live edge, after a lost connection or a pause. */
  flush(): void {
    for (const { source } of this.scheduled) source.stop();
    this.scheduled = [];
    this.fader = null;
    this.anchor = null;
    this.end = -Infinity;
    this.decoded = [];
    if (this.decoder && this.decoder.state !== "closed") this.decoder.close();
    this.decoder = null;
  }

  /** Forget the position too: another jam begins. */
  reset(): void {
    this.flush();
    this.newest = -Infinity;
  }

  /** Play Opus packets of 20 ms from a sample of the jam on. */
  playPackets(sample: number, packets: Uint8Array[]): void {
    this.noteReceived(sample + packets.length * PACKET_SAMPLES);
    if (!this.running) return;
    this.decoder ??= this.createDecoder();
    const { decoder } = this;
    packets.forEach((data, number) => {
      const timestamp = ((sample + number * PACKET_SAMPLES) / RATE) * 1e6;
      const chunk = { type: "key", timestamp, duration: PACKET_US, data } as const;
      decoder.decode(new EncodedAudioChunk(chunk));
    });
  }

  /** Play plain samples from a sample of the jam on. */
  playSamples(sample: number, samples: Int16Array): void {
    this.noteReceived(sample + samples.length);
    if (!this.running) return;
    this.schedule(
      sample,
      Float32Array.from(samples, (value) => value / 32767),
    );
  }

  /** The sample of the jam that leaves the loudspeakers now; null before anything is known. */
  getPosition(): number | null {
    // Where sound is missing, nothing moves: the playhead never runs ahead of what is heard.
    if (this.running && this.anchor !== null) {
      return Math.min(this.sampleAt(this.getOutputTime())!, this.end);
    }
    if (this.newest === -Infinity) return null;
    const silent = this.newest + ((performance.now() - this.newestAt) / 1000) * RATE;
    return Math.min(silent, this.newest + SILENT_RUN_S * RATE) - LEAD_S * RATE;
  }

  /** The sample of the jam that plays at a time of the context's clock (seconds). */
  sampleAt(contextTime: number): number | null {
    return this.anchor === null ? null : contextTime * RATE - this.anchor;
  }

  /** Seconds of sound that are scheduled; negative where sound is missing. */
  get ahead(): number {
    return this.anchor === null ? 0 : (this.end + this.anchor) / RATE - this.context.currentTime;
  }

  /** The context's time of what leaves the loudspeakers now, the output's latency included. */
  private getOutputTime(): number {
    const { currentTime, outputLatency, baseLatency } = this.context;
    const stamp = this.context.getOutputTimestamp?.();
    if (stamp?.contextTime && stamp.performanceTime) {
      const time = stamp.contextTime + (performance.now() - stamp.performanceTime) / 1000;
      if (Math.abs(time - currentTime) < 1) return Math.min(time, currentTime);
    }
    return currentTime - (outputLatency || baseLatency || 0);
  }

  private noteReceived(end: number): void {
    this.newest = end;
    this.newestAt = performance.now();
  }

  private createDecoder(): AudioDecoder {
    const decoder = new AudioDecoder({
      output: (data) => this.collect(data),
      error: () => this.flush(), // the next packet makes a new one
    });
    decoder.configure({ codec: "opus", sampleRate: RATE, numberOfChannels: 2 });
    return decoder;
  }

  /** Collect decoded packets until they make a block, or until one is missing between them. */
  private collect(data: AudioData): void {
    const samples = new Float32Array(data.numberOfFrames);
    data.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
    const sample = Math.round((data.timestamp * RATE) / 1e6) - this.preSkip;
    data.close();
    const length = this.decoded.reduce((sum, part) => sum + part.length, 0);
    if (length && this.decodedAt + length !== sample) this.scheduleDecoded();
    if (!this.decoded.length) this.decodedAt = sample;
    this.decoded.push(samples);
    if (this.decoded.length >= BLOCK_PACKETS) this.scheduleDecoded();
  }

  private scheduleDecoded(): void {
    const length = this.decoded.reduce((sum, part) => sum + part.length, 0);
    const block = new Float32Array(length);
    let at = 0;
    for (const part of this.decoded) {
      block.set(part, at);
      at += part.length;
    }
    this.decoded = [];
    if (length) this.schedule(this.decodedAt, block);
  }

  private schedule(sample: number, samples: Float32Array<ArrayBuffer>): void {
    // Already scheduled; or the server, late itself, had nothing to send.
    if (sample < this.end || !samples.length) return;
    const now = this.context.currentTime;
    const isLate = this.anchor !== null && (this.anchor + sample) / RATE < now + 0.005;
    const isTooFar = this.anchor !== null && (this.anchor + sample) / RATE > now + TOO_FAR_S;
    if (this.anchor === null || isLate || isTooFar) this.jump(sample, now);
    const source = this.context.createBufferSource();
    source.buffer = this.context.createBuffer(1, samples.length, RATE);
    source.buffer.copyToChannel(samples, 0);
    source.connect(this.fader!);
    source.start((this.anchor! + sample) / RATE);
    this.end = sample + samples.length;
    this.scheduled = this.scheduled.filter(({ end }) => end > now);
    this.scheduled.push({ source, end: (this.anchor! + this.end) / RATE });
  }

  /** Move the anchor so that a sample is heard LEAD_S from now; what was scheduled later stops. */
  private jump(sample: number, now: number): void {
    if (this.anchor !== null) this.jumps++;
    // The first messages come in a burst, so less than LEAD_S is enough.
    const begins = Math.ceil((now + LEAD_S * 0.75) * RATE);
    for (const { source, end } of this.scheduled) {
      if (end > begins / RATE) source.stop(begins / RATE);
    }
    this.anchor = begins - sample;
    this.fader = this.context.createGain();
    this.fader.gain.setValueAtTime(0, begins / RATE);
    this.fader.gain.linearRampToValueAtTime(1, begins / RATE + FADE_S);
    this.fader.connect(this.output);
  }
}
