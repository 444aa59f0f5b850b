// SPDX-License-Identifier: Apache-2.0
import type { Link } from "@mqttv5/core";
import { VirtualClock } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import type { WsOptions } from "../src/options.js";
import type { PlatformSocket } from "../src/web-link.js";
import { webTransport } from "../src/web-transport.js";
import { rejection } from "./stage.js";

/** A platform's WebSocket, of which a test decides what happens. */
class FakeSocket implements PlatformSocket {
  binaryType = "blob";
  protocol = "mqtt";
  bufferedAmount = 0;
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null = null;
  onerror: ((event: { readonly message?: string }) => void) | null = null;
  readonly sent: number[] = [];
  readonly closes: (number | undefined)[] = [];

  readonly url: string;
  readonly protocols: readonly string[];

  constructor(url: string, protocols: readonly string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  send(data: Uint8Array): void {
    this.sent.push(data.length);
    this.bufferedAmount += data.length;
  }

  close(code?: number): void {
    this.closes.push(code);
    this.readyState = 2;
  }

  message(text: string): void {
    this.onmessage?.({ data: new TextEncoder().encode(text).buffer });
  }

  closed(code: number, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

/** A handshake under way. */
async function dialled(
  options: WsOptions = {},
): Promise<{ clock: VirtualClock; socket: FakeSocket; connecting: Promise<Link> }> {
  const clock = new VirtualClock();
  const sockets: FakeSocket[] = [];
  class Recorded extends FakeSocket {
    constructor(url: string, protocols: readonly string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const transport = webTransport({ clock, ...options }, () => Recorded);
  const connecting = transport.connect(new URL("ws://host/mqtt"), { signal: new AbortController().signal });
  await clock.settle();
  return { clock, socket: sockets[0] as FakeSocket, connecting };
}

async function scene(options: WsOptions = {}): Promise<{
  clock: VirtualClock;
  socket: FakeSocket;
  link: Link;
  log: string[];
  open: () => void;
}> {
  const { clock, socket, connecting } = await dialled(options);
  socket.readyState = 1;
  socket.onopen?.();
  const link = await connecting;
  const log: string[] = [];
  const open = (): void => {
    link.open({
      received: (chunk) => log.push(new TextDecoder().decode(chunk)),
      drained: () => log.push("drained"),
      closed: (error) => log.push(`closed ${(error as { code?: string } | undefined)?.code ?? "well"}`),
    });
  };
  return { clock, socket, link, log, open };
}

describe("a platform's WebSocket as a link", () => {
  it("is made with the subprotocol mqtt, for bytes [MQTT-6.0.0-3]", async () => {
    const { socket } = await scene();
    expect([socket.url, socket.protocols, socket.binaryType]).toEqual(["ws://host/mqtt", ["mqtt"], "arraybuffer"]);
  });

  it("looks at bufferedAmount only while somebody waits for it to fall", async () => {
    const { clock, socket, link, log, open } = await scene();
    open();
    expect(link.send(new Uint8Array(1000))).toBe(true);
    expect(clock.pending).toBe(0);
    expect(link.pendingBytes).toBe(1000);
    expect(link.send(new Uint8Array(300_000))).toBe(false);
    expect(clock.pending).toBe(1);
    await clock.advance(10_000);
    expect(log).toEqual([]);
    socket.bufferedAmount = 5;
    await clock.advance(1000);
    expect(log).toEqual([]);
    socket.bufferedAmount = 0;
    await clock.advance(128);
    expect(log).toEqual(["drained"]);
    expect(clock.pending).toBe(0);
    link.send(new Uint8Array(300_000));
    socket.bufferedAmount = 0;
    await clock.advance(4);
    expect(log).toEqual(["drained", "drained"]);
  });

  it("looks less and less often where nothing moves", async () => {
    const { clock, socket, link, open } = await scene();
    open();
    let looks = 0;
    Object.defineProperty(socket, "bufferedAmount", {
      get() {
        looks++;
        return 400_000;
      },
      set() {},
    });
    link.send(new Uint8Array(1));
    looks = 0;
    await clock.advance(60_000);
    expect(looks).toBeLessThan(500);
    expect(looks).toBeGreaterThan(400);
  });

  it("says what has left, in order, once it has", async () => {
    const { clock, socket, link, log, open } = await scene();
    open();
    link.send(new Uint8Array(10), () => log.push("first"));
    link.send(new Uint8Array(20));
    link.send(new Uint8Array(30), () => log.push("third"));
    await clock.advance(1000);
    expect(log).toEqual([]);
    socket.bufferedAmount = 50;
    await clock.advance(200);
    expect(log).toEqual(["first"]);
    socket.bufferedAmount = 0;
    await clock.advance(200);
    expect(log).toEqual(["first", "third"]);
    expect(clock.pending).toBe(0);
  });

  it("says nothing of what had not left when it closes", async () => {
    const { clock, socket, link, log, open } = await scene();
    open();
    link.send(new Uint8Array(400_000), () => log.push("flushed"));
    socket.closed(1006);
    await clock.advance(1000);
    expect(log).toEqual(["closed CLOSED_BY_PEER"]);
    expect([clock.pending, link.pendingBytes, link.send(new Uint8Array(1))]).toEqual([0, 0, false]);
  });

  it("keeps what comes while it is paused, and gives it one by one, before the end", async () => {
    const { clock, socket, link, log, open } = await scene();
    socket.message("early");
    open();
    await clock.settle();
    link.pause();
    for (const text of ["a", "b", "c"]) socket.message(text);
    socket.closed(1000);
    await clock.settle();
    expect(log).toEqual(["early"]);
    link.resume();
    expect(log).toEqual(["early"]);
    await clock.settle();
    expect(log).toEqual(["early", "a", "b", "c", "closed well"]);
  });

  it("keeps the order of what is kept and what comes after it", async () => {
    const { clock, socket, link, log, open } = await scene();
    open();
    link.pause();
    socket.message("a");
    socket.message("b");
    link.resume();
    socket.message("c");
    await clock.settle();
    expect(log).toEqual(["a", "b", "c"]);
  });

  it("can be paused again by what it delivers", async () => {
    const { clock, socket, link, open } = await scene();
    const seen: string[] = [];
    void open;
    link.open({
      received: (chunk) => {
        seen.push(new TextDecoder().decode(chunk));
        link.pause();
      },
      drained() {},
      closed() {},
    });
    for (const text of ["a", "b"]) socket.message(text);
    await clock.settle();
    expect(seen).toEqual(["a"]);
    link.resume();
    await clock.settle();
    expect(seen).toEqual(["a", "b"]);
  });

  it("keeps no more than four of the largest frames: past that it closes", async () => {
    const { clock, socket, link, log, open } = await scene({ maximumFrameSize: 10 });
    open();
    link.pause();
    for (let times = 0; times < 4; times++) socket.message("0123456789");
    await clock.settle();
    expect(socket.closes).toEqual([]);
    socket.message("!");
    await clock.settle();
    expect([socket.closes, log]).toEqual([[4003], ["closed READ_OVERFLOW"]]);
  });

  it("takes no frame that is too large, and none of text", async () => {
    for (const data of [new ArrayBuffer(11), "text", {}]) {
      const { clock, socket, log, open } = await scene({ maximumFrameSize: 10 });
      open();
      socket.message("0123456789");
      await clock.settle();
      socket.onmessage?.({ data });
      socket.message("ignored");
      await clock.settle();
      const code = data instanceof ArrayBuffer ? "FRAME_TOO_LARGE" : "TEXT_FRAME";
      expect([socket.closes, log]).toEqual([[4003], ["0123456789", `closed ${code}`]]);
    }
  });

  it("does not wait for a platform that takes its time to close", async () => {
    const { clock, socket, link, log, open } = await scene();
    open();
    link.destroy();
    link.destroy();
    expect(log).toEqual([]);
    await clock.settle();
    expect(log).toEqual(["closed well"]);
    socket.closed(1006);
    socket.message("late");
    await clock.settle();
    expect([log, socket.closes]).toEqual([["closed well"], [1000]]);
  });
});

describe("the handshake of a platform's WebSocket", () => {
  it.each(["", "mqttv3.1"])("fails where the subprotocol is %j [MQTT-6.0.0-4]", async (protocol) => {
    const { socket, connecting } = await dialled();
    socket.protocol = protocol;
    socket.onopen?.();
    await expect(connecting).rejects.toMatchObject({
      code: "WRONG_SUBPROTOCOL",
      field: "subprotocol",
      value: protocol,
    });
    expect(socket.closes).toEqual([1000]);
  });

  it("fails with what the platform says, which may be nothing", async () => {
    const silent = await dialled();
    silent.socket.onerror?.({});
    silent.socket.closed(1006);
    await expect(silent.connecting).rejects.toMatchObject({ code: "CONNECT_FAILED", field: "closeCode", value: 1006 });
    const talkative = await dialled();
    talkative.socket.onerror?.({ message: "no route" });
    talkative.socket.closed(1006);
    await expect(talkative.connecting).rejects.toThrow(/no route/);
  });

  it("is given up when its time is over, and what comes later does not count", async () => {
    const { clock, socket, connecting } = await dialled({ handshakeTimeout: 500 });
    const ending = rejection(connecting);
    await clock.advance(500);
    expect(await ending).toMatchObject({ code: "HANDSHAKE_TIMEOUT" });
    expect(socket.closes).toEqual([undefined]);
    socket.onopen?.();
    socket.closed(1006);
    expect(clock.pending).toBe(0);
  });
});
