// The connection on a fake WebSocket: what binary messages say, and when it connects again.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Connection, type ConnectionHandlers } from "../../src/jam/connection";

class FakeSocket {
  static made: FakeSocket[] = [];
  binaryType = "";
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { reason: string }) => void) | null = null;
  isClosed = false;
  constructor(readonly address: URL) {
    FakeSocket.made.push(this);
  }
  close(): void {
    this.isClosed = true;
  }
}

const handlers = {
  onHello: vi.fn(),
  onStatus: vi.fn(),
  onPackets: vi.fn(),
  onSamples: vi.fn(),
  onTile: vi.fn(),
  onLost: vi.fn(),
  onOver: vi.fn(),
} satisfies ConnectionHandlers;

let answer: { status: number; json(): Promise<unknown> } | Error;

beforeEach(() => {
  FakeSocket.made = [];
  answer = { status: 200, json: async () => ({}) };
  vi.clearAllMocks();
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("window", globalThis);
  vi.stubGlobal("addEventListener", vi.fn());
  vi.stubGlobal("removeEventListener", vi.fn());
  vi.stubGlobal("document", {
    baseURI: "https://riff.example/deep/",
    hidden: false,
    addEventListener: vi.fn(),
    removeEventListener: vi.fn(),
  });
  vi.stubGlobal("fetch", async () => {
    if (answer instanceof Error) throw answer;
    return answer;
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function connect(): { connection: Connection; socket: FakeSocket } {
  const connection = new Connection("a jam", "opus", handlers);
  return { connection, socket: FakeSocket.made[0] };
}

/** A binary message as riffbot/web/protocol.py packs it. */
function pack(
  kind: number,
  codec: number,
  count: number,
  rows: number,
  position: number,
  body: Uint8Array,
): ArrayBuffer {
  const data = new ArrayBuffer(16 + body.length);
  const view = new DataView(data);
  view.setUint8(0, kind);
  view.setUint8(1, codec);
  view.setUint16(2, count, true);
  view.setUint32(4, rows, true);
  view.setFloat64(8, position, true);
  new Uint8Array(data).set(body, 16);
  return data;
}

describe("messages", () => {
  test("come from the jam's own address, below the page's base", () => {
    expect(String(connect().socket.address)).toBe(
      "wss://riff.example/deep/api/jams/a%20jam/socket?codec=opus",
    );
  });

  test("as text are told apart by their type; a type of later versions is ignored", () => {
    const { socket } = connect();
    for (const type of ["hello", "status", "later"]) {
      socket.onmessage?.({ data: JSON.stringify({ type, id: type }) });
    }
    expect(handlers.onHello).toHaveBeenCalledExactlyOnceWith({ type: "hello", id: "hello" });
    expect(handlers.onStatus).toHaveBeenCalledExactlyOnceWith({ type: "status", id: "status" });
  });

  test("hold Opus packets of different lengths", () => {
    const body = new Uint8Array([2, 0, 3, 0, 10, 11, 20, 21, 22]);
    connect().socket.onmessage?.({ data: pack(1, 0, 2, 0, 960, body) });
    const [sample, packets] = handlers.onPackets.mock.calls[0];
    expect(sample).toBe(960);
    expect(packets.map((packet: Uint8Array) => [...packet])).toEqual([
      [10, 11],
      [20, 21, 22],
    ]);
  });

  test("hold plain samples", () => {
    const samples = new Int16Array([1, -2, 300]);
    const data = pack(1, 1, 0, 3, 2 ** 40, new Uint8Array(samples.buffer));
    connect().socket.onmessage?.({ data });
    expect(handlers.onSamples).toHaveBeenCalledExactlyOnceWith(2 ** 40, samples);
  });

  test("hold tiles of the spectrogram", () => {
    const levels = new Uint8Array([1, 2, 3, 4, 5, 6]);
    connect().socket.onmessage?.({ data: pack(2, 0, 3, 2, 512, levels) });
    expect(handlers.onTile).toHaveBeenCalledExactlyOnceWith(512, 3, levels);
  });
});

describe("a lost connection", () => {
  test("is tried again, later and later", async () => {
    const { socket } = connect();
    socket.onclose?.({ reason: "You were too slow." });
    await vi.advanceTimersByTimeAsync(0);
    expect(handlers.onLost).toHaveBeenCalledExactlyOnceWith("You were too slow.");
    await vi.advanceTimersByTimeAsync(300);
    expect(FakeSocket.made).toHaveLength(2);
    answer = new Error("the network is away");
    FakeSocket.made[1].onclose?.({ reason: "" });
    await vi.advanceTimersByTimeAsync(900);
    expect(FakeSocket.made).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(100);
    expect(FakeSocket.made).toHaveLength(3);
  });

  test("is tried at once after one that brought a message", async () => {
    const { socket } = connect();
    socket.onclose?.({ reason: "" });
    await vi.advanceTimersByTimeAsync(300);
    FakeSocket.made[1].onmessage?.({ data: '{"type":"later"}' });
    FakeSocket.made[1].onclose?.({ reason: "" });
    await vi.advanceTimersByTimeAsync(300);
    expect(FakeSocket.made).toHaveLength(3);
  });

  test("of a jam that is over is the end", async () => {
    answer = { status: 404, json: async () => ({ error: "This jam is over." }) };
    connect().socket.onclose?.({ reason: "" });
    await vi.advanceTimersByTimeAsync(60000);
    expect(handlers.onOver).toHaveBeenCalledExactlyOnceWith("This jam is over.");
    expect(FakeSocket.made).toHaveLength(1);
  });

  test("is none where the page closed it", async () => {
    const { connection, socket } = connect();
    connection.close();
    socket.onclose?.({ reason: "" });
    await vi.advanceTimersByTimeAsync(60000);
    expect(socket.isClosed).toBe(true);
    expect(handlers.onLost).not.toHaveBeenCalled();
    expect(FakeSocket.made).toHaveLength(1);
  });
});
