// SPDX-License-Identifier: Apache-2.0
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { decode, encode, type Packet, PacketType } from "@mqttv5/wire";
import { afterEach, describe, expect, it } from "vitest";
import { ScriptedPeer, systemClock, TestBroker, type TestBrokerOptions } from "../src/index.js";
import { type Listener, type ListenOptions, listen } from "../src/node.js";
import { connectPacket, publish, subscribePacket } from "./bench.js";

const key = readFileSync(new URL("./tls/key.pem", import.meta.url));
const cert = readFileSync(new URL("./tls/cert.pem", import.meta.url));

const open: { broker: TestBroker; listener: Listener }[] = [];

async function start(options: ListenOptions = {}, brokerOptions: TestBrokerOptions = {}): Promise<Listener> {
  const broker = new TestBroker(brokerOptions);
  const listener = await listen(broker, options);
  open.push({ broker, listener });
  return listener;
}

function broker(): TestBroker {
  return open[0]?.broker as TestBroker;
}

/** Writes packets and reads until as many bytes have come as expected packets take, or the end. */
async function exchange(socket: Socket, sent: readonly Packet[], answers: number): Promise<PacketType[]> {
  for (const packet of sent) socket.write(encode(packet));
  const types: PacketType[] = [];
  let rest = Buffer.alloc(0);
  while (types.length < answers) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    rest = Buffer.concat([rest, chunk]);
    for (let end = 2 + (rest[1] ?? 0); rest.length >= end && rest.length > 1; end = 2 + (rest[1] ?? 0)) {
      types.push(decode(rest, 0, end).type);
      rest = rest.subarray(end);
    }
  }
  return types;
}

describe("listen", () => {
  afterEach(async () => {
    for (const { broker, listener } of open.splice(0)) {
      await broker.close();
      await listener.close();
    }
  });

  const talk = [connectPacket, subscribePacket(["t"]), publish("t", "hello")];
  const answers = [PacketType.Connack, PacketType.Suback, PacketType.Publish];

  it("serves TCP on a free port", async () => {
    const { port, url } = await start();
    expect(url).toBe(`mqtt://127.0.0.1:${port}`);
    const socket = connectTcp(port, "127.0.0.1");
    expect(await exchange(socket, talk, 3)).toEqual(answers);
    socket.destroy();
  });

  it("serves TLS", async () => {
    const { port, url } = await start({ tls: { key, cert } });
    expect(url).toBe(`mqtts://127.0.0.1:${port}`);
    const socket = connectTls({ port, host: "localhost", ca: cert });
    expect(await exchange(socket, talk, 3)).toEqual(answers);
    socket.destroy();
  });

  it.skipIf(process.platform === "win32")("serves a Unix socket", async () => {
    const directory = mkdtempSync(join(tmpdir(), "mqttv5-"));
    const path = join(directory, "broker.sock");
    const { url } = await start({ path });
    expect(url).toBe(`unix:${path}`);
    const socket = connectTcp(path);
    expect(await exchange(socket, talk, 3)).toEqual(answers);
    socket.destroy();
    rmSync(directory, { recursive: true });
  });

  it("lets a scripted peer listen too", async () => {
    const peer = new ScriptedPeer({ clock: systemClock });
    await using listener = await listen({ accept: (link) => peer.attach(link) });
    const socket = connectTcp(listener.port, "127.0.0.1");
    const answered = exchange(socket, [connectPacket], 1);
    const connection = await peer.acceptConnect({ connect: { clientId: "client" } });
    expect(await answered).toEqual([PacketType.Connack]);
    expect(() => connection.stall()).toThrow("faults other than cut");
    connection.cut();
    await once(socket, "close");
  });

  it("rejects if the port is taken", async () => {
    const { port } = await start();
    await expect(listen(new TestBroker(), { port })).rejects.toThrow("EADDRINUSE");
  });

  it("moves a large message through sockets that are slower than it", async () => {
    const { port } = await start();
    const socket = connectTcp(port, "127.0.0.1");
    const large = { ...publish("t", ""), payload: new Uint8Array(8 * 1024 * 1024).fill(7) };
    for (const packet of [connectPacket, subscribePacket(["t"]), large]) socket.write(encode(packet));
    let received = 0;
    socket.on("data", (chunk) => {
      received += chunk.length;
      if (received > large.payload.length) socket.end();
    });
    await once(socket, "close");
    expect(received).toBeGreaterThan(large.payload.length);
  });

  it("tells the broker when a client vanishes", async () => {
    const { port } = await start();
    const socket = connectTcp(port, "127.0.0.1");
    await exchange(socket, [connectPacket], 1);
    expect(broker().connections).toHaveLength(1);
    socket.resetAndDestroy();
    await once(socket, "close");
    while (broker().connections.length > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(broker().sessions).toEqual([]);
  });

  it("a broker that closes says goodbye to its clients and takes no more", async () => {
    const { port } = await start();
    const socket = connectTcp(port, "127.0.0.1");
    await exchange(socket, [connectPacket], 1);
    const goodbye = exchange(socket, [], 1);
    const late = connectTcp(port, "127.0.0.1");
    await once(late.resume(), "connect");
    await broker().close();
    expect(await goodbye).toEqual([PacketType.Disconnect]);
    if (!late.closed) await once(late, "close");
    expect(broker().connections).toEqual([]);
  });

  it("a listener that closes cuts what is left and frees the port", async () => {
    const listener = await start();
    const socket = connectTcp(listener.port, "127.0.0.1");
    await exchange(socket, [connectPacket], 1);
    await listener.close();
    await once(socket, "close");
    await (await start({ port: listener.port })).close();
  });
});
