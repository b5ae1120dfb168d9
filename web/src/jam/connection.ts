// The WebSocket of a live jam (riffbot/web/protocol.py): reads its messages, and connects again
// after a loss.

import type { ErrorResponse, HelloMessage, StatusMessage } from "../shared/protocol";

export interface ConnectionHandlers {
  onHello(hello: HelloMessage): void;
  onStatus(status: StatusMessage): void;
  /** Opus packets of 20 ms from a sample of the jam on. */
  onPackets(sample: number, packets: Uint8Array[]): void;
  /** Plain samples, mono, 48 kHz, from a sample of the jam on. */
  onSamples(sample: number, samples: Int16Array): void;
  /** Levels of `width` columns from a column on, row-major, high notes first. */
  onTile(column: number, width: number, levels: Uint8Array): void;
  /** The connection was lost and will be tried again; the reason is a sentence. */
  onLost(reason: string): void;
  /** The jam is over. */
  onOver(sentence: string): void;
}

/** Seconds before each try to connect again; the last one repeats. */
const RETRY_DELAYS_S = [0.3, 1, 2, 4, 8];

// Binary messages begin with 16 bytes: kind, codec, a count (u16), rows or samples (u32), and a
// position (f64), little-endian.
const HEADER_BYTES = 16;
const KIND_TILE = 2;
const CODEC_PCM = 1;

/** Connects at once, and stays connected until it is closed or the jam is over. */
export class Connection {
  private socket: WebSocket | null = null;
  private retryTimer: number | undefined;
  private retries = 0;
  private isClosed = false;

  constructor(
    private readonly jamId: string,
    private readonly codec: "opus" | "pcm",
    private readonly handlers: ConnectionHandlers,
  ) {
    addEventListener("online", this.retryNow);
    document.addEventListener("visibilitychange", this.retryNow);
    this.open();
  }

  close(): void {
    this.isClosed = true;
    removeEventListener("online", this.retryNow);
    document.removeEventListener("visibilitychange", this.retryNow);
    clearTimeout(this.retryTimer);
    this.socket?.close();
  }

  /** The network or the page is back: do not wait for the rest of the delay. */
  private retryNow = (): void => {
    if (!this.isClosed && !document.hidden && this.socket === null) {
      this.retries = 0;
      clearTimeout(this.retryTimer);
      this.open();
    }
  };

  private get address(): string {
    return `api/jams/${encodeURIComponent(this.jamId)}`;
  }

  private open(): void {
    const address = new URL(`${this.address}/socket?codec=${this.codec}`, document.baseURI);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      this.retries = 0;
      if (typeof data === "string") this.readText(data);
      else this.readBinary(data as ArrayBuffer);
    };
    socket.onclose = ({ reason }) => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (!this.isClosed) void this.retry(reason);
    };
  }

  private async retry(reason: string): Promise<void> {
    try {
      const answer = await fetch(this.address);
      if (answer.status === 404) {
        return this.handlers.onOver(((await answer.json()) as ErrorResponse).error);
      }
    } catch {
      // RiffBot or the network is away: try again.
    }
    if (this.isClosed) return;
    this.handlers.onLost(reason || "The connection was lost; coming back at the live edge …");
    const delay = RETRY_DELAYS_S[Math.min(this.retries++, RETRY_DELAYS_S.length - 1)];
    this.retryTimer = window.setTimeout(() => this.open(), 1000 * delay);
  }

  private readText(data: string): void {
    const message = JSON.parse(data) as HelloMessage | StatusMessage;
    if (message.type === "hello") this.handlers.onHello(message);
    else if (message.type === "status") this.handlers.onStatus(message);
  }

  private readBinary(data: ArrayBuffer): void {
    const view = new DataView(data);
    const kind = view.getUint8(0);
    const codec = view.getUint8(1);
    const count = view.getUint16(2, true);
    const rows = view.getUint32(4, true);
    const position = view.getFloat64(8, true);
    if (kind === KIND_TILE) {
      this.handlers.onTile(position, count, new Uint8Array(data, HEADER_BYTES, rows * count));
    } else if (codec === CODEC_PCM) {
      this.handlers.onSamples(position, new Int16Array(data, HEADER_BYTES, rows));
    } else {
      this.handlers.onPackets(position, splitPackets(view, count));
    }
  }
}

/** The packets behind the header: first the length of each (u16), then their bytes. */
function splitPackets(view: DataView, count: number): Uint8Array[] {
  const packets: Uint8Array[] = [];
  let at = HEADER_BYTES + 2 * count;
  for (let number = 0; number < count; number++) {
    const length = view.getUint16(HEADER_BYTES + 2 * number, true);
    packets.push(new Uint8Array(view.buffer, at, length));
    at += length;
  }
  return packets;
}
