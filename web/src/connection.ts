// The live jam's WebSocket (riffbot/web/protocol.py) and what a lost one asks for.

export interface Entry {
  start: number;
  end: number;
  prompt: string;
  seed: number;
  denoising: number;
  guidance: number | null;
  alpha: number;
  towards: string | null;
}

export interface Status {
  id: string;
  state: "starting" | "playing" | "catching up" | "paused" | "ended";
  playing: string;
  coming: string | null;
  shares: { prompt: string; share: number; votes: number }[];
  seed_image: string;
  bpm: number;
  beats: number;
  denoising: number;
  seed: number;
  alpha: number;
  played_s: number;
  buffer_s: number;
  late_chunks: number;
  underruns: number;
  real_time_factor: number | null;
  listeners: number;
  private: boolean;
  error: string | null;
  timeline: Entry[];
}

export interface Hello {
  codec: "opus" | "pcm";
  pre_skip: number;
  column_samples: number;
  bands: number;
  meter: { width: number; beats: number; measure: number };
}

export interface Listener {
  hello(hello: Hello): void;
  status(status: Status): void;
  packets(sample: number, packets: Uint8Array[]): void;
  samples(sample: number, samples: Int16Array): void;
  tile(column: number, width: number, tile: Uint8Array): void;
  lost(words: string): void;
  over(sentence: string): void;
}

const WAITS = [0.3, 1, 2, 4, 8];

export class Connection {
  private socket: WebSocket | null = null;
  private timer: number | undefined;
  private tries = 0;
  private closed = false;

  constructor(
    private readonly id: string,
    private readonly codec: "opus" | "pcm",
    private readonly listener: Listener,
  ) {
    addEventListener("online", this.wake);
    document.addEventListener("visibilitychange", this.wake);
    this.open();
  }

  close(): void {
    this.closed = true;
    removeEventListener("online", this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    clearTimeout(this.timer);
    this.socket?.close();
  }

  /** Back from sleep or from a tunnel: do not wait out the pause. */
  private wake = (): void => {
    if (!this.closed && !document.hidden && this.socket === null) {
      this.tries = 0;
      clearTimeout(this.timer);
      this.open();
    }
  };

  private open(): void {
    const address = new URL(
      `api/jams/${encodeURIComponent(this.id)}/socket?codec=${this.codec}`,
      document.baseURI,
    );
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      this.tries = 0;
      if (typeof data === "string") this.text(data);
      else this.binary(data as ArrayBuffer);
    };
    socket.onclose = ({ reason }) => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (!this.closed) void this.again(reason);
    };
  }

  private async again(reason: string): Promise<void> {
    try {
      const answer = await fetch(`api/jams/${encodeURIComponent(this.id)}`);
      if (answer.status === 404)
        return this.listener.over(((await answer.json()) as { error: string }).error);
    } catch {
      // RiffBot is away, or we are: try again.
    }
    if (this.closed) return;
    this.listener.lost(reason || "The connection was lost; coming back at the live edge …");
    this.timer = window.setTimeout(
      () => this.open(),
      1000 * WAITS[Math.min(this.tries++, WAITS.length - 1)],
    );
  }

  private text(data: string): void {
    const told = JSON.parse(data) as { type: string };
    if (told.type === "hello") this.listener.hello(told as unknown as Hello);
    else if (told.type === "status") this.listener.status(told as unknown as Status);
  }

  private binary(data: ArrayBuffer): void {
    const view = new DataView(data);
    const [kind, codec, count, rows] = [
      view.getUint8(0),
      view.getUint8(1),
      view.getUint16(2, true),
      view.getUint32(4, true),
    ];
    const place = view.getFloat64(8, true);
    if (kind === 2) {
      this.listener.tile(place, count, new Uint8Array(data, 16, rows * count));
      return;
    }
    if (codec === 1) {
      this.listener.samples(place, new Int16Array(data, 16, rows));
      return;
    }
    let at = 16 + 2 * count;
    const packets: Uint8Array[] = [];
    for (let number = 0; number < count; number++) {
      const length = view.getUint16(16 + 2 * number, true);
      packets.push(new Uint8Array(data, at, length));
      at += length;
    }
    this.listener.packets(place, packets);
  }
}
