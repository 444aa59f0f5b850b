// SPDX-License-Identifier: Apache-2.0
// What leaves on one link, byte by byte: whole packets, in order, in few writes, and never instead of reading.
import { decode, Framer, PacketType, packetName, type Publish as PublishPacket } from "@mqttv5/wire";
import type { FaultyLink, ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import type { PublishMode } from "../src/index.js";
import { Bench, follow, grant, puback, pubcomp, publish, pubrec } from "./bench.js";

const { Publish } = PacketType;

/** All packets that the client has sent, decoded from its bytes as a strict broker would; throws for anything else. */
function packetsOf(connection: ScriptedConnection): ReturnType<typeof decode>[] {
  const framer = new Framer({ maximumPacketSize: Infinity });
  framer.push((connection.remote as FaultyLink).transcript);
  const packets: ReturnType<typeof decode>[] = [];
  while (framer.next())
    packets.push(
      decode(framer.buffer.slice(framer.start, framer.end), 0, framer.end - framer.start, { sender: "client" }),
    );
  return packets;
}

/** `PUBLISH a 100 whole`: type, topic, payload size, and whether the payload is what it was. */
function described(connection: ScriptedConnection): string[] {
  return packetsOf(connection).map((packet) => {
    if (packet.type !== Publish) return packetName(packet.type);
    const { topic, payload } = packet;
    const fill = topic.charCodeAt(0);
    return `${topic} ${payload.length} ${payload.every((byte) => byte === fill) ? "whole" : "mixed"}`;
  });
}

function filled(topic: string, size: number): Uint8Array {
  return new Uint8Array(size).fill(topic.charCodeAt(0));
}

describe("a packet of which a part was written", () => {
  const modes: readonly PublishMode[] = ["fire-and-forget", "wait-for-flush"];
  for (const publishMode of modes) {
    for (const qos of [0, 1, 2] as const) {
      for (const written of [1, 20, 70_000]) {
        it(`is completed before anything else leaves, though its call was aborted after ${written} bytes at QoS ${qos}, ${publishMode} [parity 75]`, async () => {
          const bench = new Bench();
          const { client, connection } = await bench.connect({ publishMode, keepAlive: 5, pingTimeout: 4000 });
          const link = connection.remote as FaultyLink;
          await grantOn(
            bench,
            connection,
            client.subscribeCallback("in", () => {}, { qos: 1 }),
          );
          connection.discard();
          const before = described(connection).length;
          link.at(link.deliveredBytes + written, () => link.stall());
          const controller = new AbortController();
          const big = follow(client.publish("a", filled("a", 100_000), { qos, signal: controller.signal }));
          await bench.clock.settle();
          expect(link.pendingBytes).toBeGreaterThan(100_000 - written);
          controller.abort();
          await bench.clock.settle();
          if (big.status === "rejected") expect(big.error).toMatchObject({ code: "ABORTED", delivery: "unknown" });
          // All kinds of packets want to leave now.
          follow(client.publish("b", filled("b", 10)));
          follow(client.publish("c", filled("c", 80_000), { qos: 1 }));
          connection.send(publish("in", "x", { qos: 1, packetId: 9 }));
          follow(client.subscribe("s"));
          await bench.clock.settle();
          await bench.clock.advance(5000); // a PINGREQ is due
          const bye = client.disconnect();
          await bench.clock.settle();
          link.unstall();
          await bench.clock.run(bye, 5000);
          expect(described(connection).slice(before)).toEqual([
            "a 100000 whole",
            "b 10 whole",
            "c 80000 whole",
            "SUBSCRIBE",
            "PUBACK",
            "PINGREQ",
            "DISCONNECT",
          ]);
        });
      }
    }
  }
});

/** Grants the subscription that is being made. */
async function grantOn(bench: Bench, connection: ScriptedConnection, subscribing: Promise<unknown>): Promise<void> {
  await grant(connection);
  await bench.clock.run(subscribing);
}

describe("packets that leave together", () => {
  /** Around every size at which the way out changes: copied or not, flushed or not. */
  const SIZES = [0, 1, 100, 4095, 4096, 4097, 65_535, 65_536, 65_537, 200_000];

  for (const publishMode of ["fire-and-forget", "wait-for-flush"] as const) {
    it(`keep their boundaries and the order of the calls, whatever their sizes and QoS, ${publishMode} [parity 81]`, async () => {
      const bench = new Bench();
      const { client, connection } = await bench.connect({ publishMode, maximumPendingBytes: Infinity });
      const before = described(connection).length;
      const expected: string[] = [];
      for (let n = 0; n < 200; n++) {
        const topic = String.fromCharCode(97 + (n % 26));
        const size = SIZES[(n * 7) % SIZES.length] as number;
        follow(client.publish(topic, filled(topic, size), { qos: (n % 3) as 0 | 1 | 2 }));
        expected.push(`${topic} ${size} whole`);
        if (n % 10 === 0) {
          follow(client.subscribe(`f/${n}`));
          expected.push("SUBSCRIBE");
        }
      }
      await bench.clock.settle();
      expect(described(connection).slice(before)).toEqual(expected);
      await bench.clock.run(client.disconnect(), 5000);
    });
  }

  it("leave in one write a turn, as far as they are small [parity 81]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const writes = countWrites(connection);
    for (let n = 0; n < 300; n++) follow(client.publish("t", "", { qos: (n % 3) as 0 | 1 | 2 }));
    await bench.clock.settle();
    expect(writes()).toBe(1);
    expect(packetsOf(connection).filter(({ type }) => type === Publish)).toHaveLength(300);
    await bench.clock.run(client.disconnect(), 5000);
  });

  for (const qos of [1, 2] as const) {
    it(`of which nothing else is unacknowledged leave before the next turn, with all that was published behind them, at QoS ${qos}`, async () => {
      const bench = new Bench();
      const { client, connection } = await bench.connect();
      const writes = countWrites(connection);
      for (let n = 0; n < 3; n++) follow(client.publish("t", "", { qos }));
      await Promise.resolve();
      expect(writes()).toBe(1);
      follow(client.publish("t", "", { qos }));
      await Promise.resolve();
      expect(writes()).toBe(1); // others may follow it in this turn
      await bench.clock.settle();
      expect(writes()).toBe(2);
      expect(packetsOf(connection).filter(({ type }) => type === Publish)).toHaveLength(4);
      await bench.clock.run(client.disconnect(), 5000);
    });
  }

  it("are not disturbed by one that can't be encoded [parity 81]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const before = described(connection).length;
    for (const payload of ["", "x".repeat(70_000)]) {
      const bad = payload.length;
      follow(client.publish("a", filled("a", 10)));
      for (const options of [{ userProperties: [["k", "\ud800"]] }, { contentType: "\0" }] as const) {
        const wrong = follow(client.publish("b", payload, options));
        await Promise.resolve();
        await Promise.resolve();
        expect([bad, wrong.error]).toMatchObject([bad, { name: "InvalidArgumentError", delivery: "not-sent" }]);
      }
      follow(client.publish("c", filled("c", 10)));
    }
    await bench.clock.settle();
    const pair = ["a 10 whole", "c 10 whole"];
    expect(described(connection).slice(before)).toEqual([...pair, ...pair]);
    await bench.end(client);
  });
});

function countWrites(connection: ScriptedConnection): () => number {
  const link = connection.remote as FaultyLink;
  const send = link.send.bind(link);
  let writes = 0;
  link.send = (chunk, flushed) => {
    writes++;
    return send(chunk, flushed);
  };
  return () => writes;
}

describe("acknowledgements", () => {
  it("of all kinds that one read brings about leave in one write [parity 102]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    await grantOn(
      bench,
      connection,
      client.subscribeCallback("#", () => {}, { qos: 2 }),
    );
    for (let n = 0; n < 10; n++) follow(client.publish("t", "", { qos: 2 }));
    await bench.clock.settle();
    connection.discard();
    const writes = countWrites(connection);
    const incoming = Array.from({ length: 40 }, (_, n) =>
      publish("t", "", { qos: n % 2 === 0 ? 1 : 2, packetId: n + 1 }),
    );
    connection.send(...incoming, ...Array.from({ length: 10 }, (_, n) => pubrec(packetIdOf(connection, n))));
    await bench.clock.settle();
    expect(writes()).toBe(1);
    const names: string[] = [];
    for (let n = 0; n < 50; n++) names.push(packetName((await connection.next({ within: 5 })).type));
    expect(names.filter((name) => name === "PUBACK")).toHaveLength(20);
    expect(names.filter((name) => name === "PUBREC")).toHaveLength(20);
    expect(names.filter((name) => name === "PUBREL")).toHaveLength(10);
    await connection.expectNone();
    await bench.clock.run(client.disconnect(), 5000);
  });

  it("that can't leave, as the send buffer is full, never stop the reading; they leave when there is room [parity 102]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: false });
    const got: string[] = [];
    await grantOn(
      bench,
      connection,
      client.subscribeCallback("#", (message) => void got.push(message.text()), { qos: 1 }),
    );
    const link = connection.remote as FaultyLink;
    link.stall();
    // The broker reads nothing: the buffer is full, and callers wait.
    const stuck = Array.from({ length: 40 }, () => follow(client.publish("t", new Uint8Array(16_384))));
    const asked = follow(client.publish("q", "", { qos: 2 }));
    await bench.clock.settle();
    expect(stuck.map(({ status }) => status)).toContain("pending");
    for (let n = 1; n <= 500; n++) {
      connection.send(publish("t", `${n}`, { qos: 1, packetId: n }));
      await bench.clock.settle();
      expect(got).toHaveLength(n);
    }
    // So a broker that writes before it reads goes on, and so do we.
    link.unstall();
    const acked: number[] = [];
    for (;;) {
      const packet = await connection.next({ within: 5 }).catch(() => undefined);
      if (packet === undefined) break;
      if (packet.type === PacketType.Puback) acked.push(packet.packetId);
      else if (packet.type === Publish && packet.qos === 2) connection.send(pubrec(packet.packetId));
      else if (packet.type === PacketType.Pubrel) connection.send(pubcomp(packet.packetId));
    }
    expect(acked).toEqual(Array.from({ length: 500 }, (_, n) => n + 1));
    expect(stuck.every(({ status }) => status === "resolved")).toBe(true);
    expect(asked.status).toBe("resolved");
    await bench.clock.run(client.disconnect(), 5000);
  });
});

/** The Packet Identifier of the n-th QoS 2 PUBLISH of the client's. */
function packetIdOf(connection: ScriptedConnection, n: number): number {
  const publishes = packetsOf(connection).filter(({ type }) => type === Publish) as PublishPacket[];
  return (publishes[n] as PublishPacket).packetId;
}

describe("a refusal", () => {
  /** Every Reason Code of 0x80 or above that PUBACK and PUBREC may carry, and its name among the errors. */
  const CODES: readonly (readonly [number, string])[] = [
    [0x80, "REFUSED"],
    [0x83, "REFUSED"],
    [0x87, "NOT_AUTHORIZED"],
    [0x90, "TOPIC_NAME_INVALID"],
    [0x91, "REFUSED"],
    [0x97, "QUOTA_EXCEEDED"],
    [0x99, "PAYLOAD_FORMAT_INVALID"],
  ];

  for (const qos of [1, 2] as const) {
    it(`of a publish at QoS ${qos} has the error of its Reason Code, and carries the code [parity 194]`, async () => {
      const bench = new Bench();
      const { client, connection } = await bench.connect();
      for (const [reasonCode, code] of CODES) {
        const sent = follow(client.publish("t", "", { qos }));
        const { packetId } = await connection.expect(Publish);
        connection.send(qos === 1 ? puback(packetId, reasonCode) : pubrec(packetId, reasonCode));
        await bench.clock.settle();
        expect(sent.error).toMatchObject({
          name: "ReasonCodeError",
          code,
          reasonCode,
          packet: qos === 1 ? "PUBACK" : "PUBREC",
          delivery: "refused",
        });
      }
      await bench.end(client);
    });
  }

  it("that the broker would give is what the client says by itself, under the same code: 0x95, 0x9A, 0x9B [parity 194]", async () => {
    const bench = new Bench();
    const properties = { maximumQoS: 0, retainAvailable: false, maximumPacketSize: 100 } as const;
    const { client } = await bench.connect({}, { connack: { properties } });
    await expect(client.publish("t", "", { qos: 1 })).rejects.toMatchObject({ code: "QOS_NOT_SUPPORTED" });
    await expect(client.publish("t", "", { retain: true })).rejects.toMatchObject({ code: "RETAIN_NOT_SUPPORTED" });
    await expect(client.publish("t", "x".repeat(100))).rejects.toMatchObject({ code: "PACKET_TOO_LARGE" });
    await bench.end(client);
  });

  it("of CONNECT, of a filter and by DISCONNECT has one error for its packet, whatever the Reason Code [parity 194]", async () => {
    const bench = new Bench();
    const refused = bench.client();
    const connecting = follow(refused.connect());
    const first = await bench.peer.accept();
    await first.expect(PacketType.Connect);
    first.send({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0x87 });
    await bench.clock.settle();
    expect(connecting.error).toMatchObject({ code: "CONNECT_REFUSED", reasonCode: 0x87, packet: "CONNACK" });
    const { client, connection } = await bench.connect();
    const subscribing = follow(client.subscribe(["a", "b"]));
    await grant(connection, 0x87, 0x9e);
    await bench.clock.settle();
    expect(subscribing.error).toMatchObject({
      code: "SUBSCRIBE_REFUSED",
      results: [
        { filter: "a", reasonCode: 0x87 },
        { filter: "b", reasonCode: 0x9e },
      ],
    });
    connection.send({ type: PacketType.Disconnect, reasonCode: 0x89 });
    await connection.expectClosed();
    await bench.clock.settle();
    expect(client.state).toMatchObject({ reason: { code: "SERVER_DISCONNECTED", reasonCode: 0x89 } });
    await bench.end(client);
  });
});
