// The player on a fake AudioContext whose clock the test moves: which frame each block starts at,
// what a late or a lost block does, and where the playhead is.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { chooseCodec, Player, RATE } from "../../src/jam/player";

/** Frames of one Opus packet, 20 ms. */
const PACKET = 960;

class FakeSource {
  buffer: { length: number } | null = null;
  started: number | null = null;
  stopped: number | null = null;
  connect(): void {}
  start(at: number): void {
    this.started = at;
  }
  stop(at = 0): void {
    this.stopped = at;
  }
  /** The frame of the context's clock that its first sample plays at. */
  get frame(): number {
    return Math.round(this.started! * RATE);
  }
}

let sources: FakeSource[] = [];
let clock = { now: 0 };

class FakeContext extends EventTarget {
  state: "running" | "suspended" = "suspended";
  destination = {};
  baseLatency = 0;
  outputLatency = 0;
  get currentTime(): number {
    return clock.now;
  }
  createGain() {
    const gain = { setValueAtTime() {}, linearRampToValueAtTime() {} };
    return { gain, connect() {} };
  }
  createBuffer(_channels: number, length: number) {
    return { length, copyToChannel() {} };
  }
  createBufferSource(): FakeSource {
    const source = new FakeSource();
    sources.push(source);
    return source;
  }
  async resume(): Promise<void> {
    this.state = "running";
  }
  async suspend(): Promise<void> {
    this.state = "suspended";
  }
}

interface Decoded {
  timestamp: number;
  numberOfFrames: number;
  copyTo(): void;
  close(): void;
}

/** Decodes each packet to 960 frames at once. */
class FakeDecoder {
  static made: FakeDecoder[] = [];
  static isConfigSupported = async () => ({ supported: true });
  state = "unconfigured";
  constructor(readonly callbacks: { output(data: Decoded): void; error(): void }) {
    FakeDecoder.made.push(this);
  }
  configure(): void {
    this.state = "configured";
  }
  decode({ timestamp }: { timestamp: number }): void {
    this.callbacks.output({ timestamp, numberOfFrames: PACKET, copyTo() {}, close() {} });
  }
  close(): void {
    this.state = "closed";
  }
}

async function playing(): Promise<Player> {
  const player = new Player();
  await player.play();
  return player;
}

const second = () => new Int16Array(RATE);
const packets = (count: number) => Array.from({ length: count }, () => new Uint8Array(8));

beforeEach(() => {
  sources = [];
  clock = { now: 10 };
  FakeDecoder.made = [];
  vi.stubGlobal("AudioContext", FakeContext);
  vi.stubGlobal("AudioDecoder", FakeDecoder);
  vi.stubGlobal(
    "EncodedAudioChunk",
    class {
      timestamp: number;
      constructor({ timestamp }: { timestamp: number }) {
        this.timestamp = timestamp;
      }
    },
  );
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("blocks of samples", () => {
  test("join exactly, wherever the stream is entered", async () => {
    const player = await playing();
    const block = new Int16Array(RATE / 4);
    for (const part of [0, 1, 2]) player.playSamples(7 * RATE + part * block.length, block);
    const [first, ...others] = sources.map(({ frame }) => frame);
    expect(first).toBeGreaterThan(clock.now * RATE);
    expect(others).toEqual([first + block.length, first + 2 * block.length]);
    expect(player.jumps).toBe(0);
  });

  test("that came already are not played twice", async () => {
    const player = await playing();
    player.playSamples(0, second());
    player.playSamples(0, second());
    expect(sources).toHaveLength(1);
  });

  test("that come too late jump to the live edge, and end what was scheduled", async () => {
    const player = await playing();
    player.playSamples(0, second());
    clock.now += 0.6; // the next block would be early enough …
    player.playSamples(RATE, second());
    expect(player.jumps).toBe(0);
    clock.now += 5; // … and this one is not
    player.playSamples(2 * RATE, second());
    expect(player.jumps).toBe(1);
    expect(sources[2].started).toBeGreaterThan(clock.now);
  });

  test("that lie too far ahead jump as well", async () => {
    const player = await playing();
    player.playSamples(0, second());
    player.playSamples(10 * RATE, second());
    expect(player.jumps).toBe(1);
    const [before, after] = sources;
    expect(before.stopped).toBe(after.started);
    expect(after.started! - clock.now).toBeLessThan(0.5);
  });

  test("are not scheduled while nothing plays", () => {
    const player = new Player();
    player.playSamples(0, second());
    expect(sources).toEqual([]);
  });
});

describe("the playhead", () => {
  test("is unknown before anything came", async () => {
    expect((await playing()).getPosition()).toBeNull();
    expect(new Player().getPosition()).toBeNull();
  });

  test("is the sample that leaves the loudspeakers, its latency counted", async () => {
    const player = await playing();
    player.playSamples(5 * RATE, second());
    const { started } = sources[0];
    clock.now = started! + 0.25;
    expect(player.getPosition()).toBeCloseTo(5.25 * RATE, 0);
    (player.context as unknown as FakeContext).outputLatency = 0.1;
    expect(player.getPosition()).toBeCloseTo(5.15 * RATE, 0);
  });

  test("stands still where sound is missing", async () => {
    const player = await playing();
    player.playSamples(0, second());
    clock.now += 60;
    expect(player.getPosition()).toBe(RATE);
    expect(player.ahead).toBeLessThan(0);
  });

  test("moves silently while paused, half a second at most beyond the newest sound", () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const player = new Player();
    player.playSamples(0, second());
    expect(player.getPosition()).toBe(RATE - 0.45 * RATE);
    vi.advanceTimersByTime(200);
    expect(player.getPosition()).toBeCloseTo(1.2 * RATE - 0.45 * RATE, 0);
    vi.advanceTimersByTime(5000);
    expect(player.getPosition()).toBe(1.5 * RATE - 0.45 * RATE);
  });
});

describe("Opus packets", () => {
  test("are scheduled four at a time, without the encoder's delay", async () => {
    const player = await playing();
    player.preSkip = 312;
    player.playPackets(0, packets(8));
    expect(sources.map(({ buffer }) => buffer?.length)).toEqual([4 * PACKET, 4 * PACKET]);
    expect(sources[1].frame - sources[0].frame).toBe(4 * PACKET);
    const start = sources[0].started!;
    expect(player.sampleAt(start)).toBeCloseTo(-312, 3);
  });

  test("wait for their fellows, unless one is missing", async () => {
    const player = await playing();
    player.playPackets(0, packets(3));
    expect(sources).toHaveLength(0);
    player.playPackets(5 * PACKET, packets(1)); // the fourth and the fifth were lost
    expect(sources.map(({ buffer }) => buffer?.length)).toEqual([3 * PACKET]);
  });

  test("go to a new decoder after one that failed", async () => {
    const player = await playing();
    player.playPackets(0, packets(4));
    FakeDecoder.made[0].callbacks.error();
    expect(FakeDecoder.made[0].state).toBe("closed");
    player.playPackets(4 * PACKET, packets(4));
    expect(FakeDecoder.made).toHaveLength(2);
  });
});

describe("flush and reset", () => {
  test("flush ends the sound and keeps the clock", async () => {
    const player = await playing();
    player.playSamples(0, second());
    player.flush();
    expect(sources[0].stopped).not.toBeNull();
    expect(player.sampleAt(0)).toBeNull();
    expect(player.getPosition()).not.toBeNull();
  });

  test("reset forgets the clock too", async () => {
    const player = await playing();
    player.playSamples(0, second());
    player.reset();
    expect(player.getPosition()).toBeNull();
  });
});

describe("the codec", () => {
  test("is Opus where the browser decodes it", async () => {
    expect(await chooseCodec()).toBe("opus");
  });

  test("is plain samples where it does not, or has no WebCodecs at all", async () => {
    vi.stubGlobal("AudioDecoder", { isConfigSupported: async () => ({ supported: false }) });
    expect(await chooseCodec()).toBe("pcm");
    vi.stubGlobal("AudioDecoder", undefined);
    expect(await chooseCodec()).toBe("pcm");
  });
});
