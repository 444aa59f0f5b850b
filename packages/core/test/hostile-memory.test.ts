// SPDX-License-Identifier: Apache-2.0
import { encode, PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { Bench, grant, publish, pubrec, pubrel } from "./bench.js";
import { start } from "./auth-bench.js";
import { held, ForgetfulLink } from "./forgetful-link.js";
import { ScriptedStore } from "./scripted-store.js";

describe("what a broker can make the client hold", () => {
  it("a packet that comes a byte at a time takes its size at most, and nothing before it comes", async () => {
    const { clock, client, link } = await ForgetfulLink.client({ maximumPacketSize: SIZE });
    const packet = encode(publish("t", "x".repeat(SIZE - 8)));
    expect(packet.length).toBeLessThanOrEqual(SIZE);
    const before = await held();
    for (let at = 0; at < 10; at++) link.receive(packet.slice(at, at + 1));
    expect((await held()) - before).toBeLessThan(SIZE / 8); // the length is known
    for (let at = 10; at < packet.length - 1; at++) link.receive(packet.slice(at, at + 1));
    expect((await held()) - before).toBeLessThan(3 * SIZE); // a buffer that doubles, and what was copied last
    link.receive(packet.slice(-1));
    expect(client.stats().inboundPublishes).toBe(1);
    await clock.run(client.disconnect());
  });

  it("answers that it asks for and does not read end the connection with 0x97", async () => {
    const { clock, client, link } = await ForgetfulLink.client({ maximumBufferedBytes: 1 });
    link.deaf = true;
    const releases = repeated(encode(pubrel(7)), 65_536);
    link.receive(releases);
    link.receive(releases);
    expect(client.state.status).toBe("connected"); // as many as there are identifiers, and both kinds of answer
    for (let n = 0; n < 1000 && client.state.status === "connected" && !link.ended; n++) link.receive(releases);
    await clock.settle();
    expect(client.state).toMatchObject({ status: "waiting", reason: { code: "PROTOCOL_ERROR", reasonCode: 0x97 } });
    expect(link.unread).toBeLessThan(9 * 1024 * 1024);
    await clock.run(client.disconnect());
    expect(clock.pending).toBe(0);
  });

  it("answers that wait for a store that hangs end it the same way", async () => {
    const bench = new Bench();
    const store = new ScriptedStore().free(/^(meta|reset)/);
    const { client, connection } = await start(bench, { store, maximumBufferedBytes: 1 });
    connection.send({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0 });
    await bench.clock.settle();
    connection.send(publish("t", "x", { qos: 2, packetId: 7 })); // its PUBREC waits for the record
    await bench.clock.settle();
    await connection.expectNone();
    const releases = repeated(encode(pubrel(7)), 65_536);
    connection.send(releases);
    await bench.clock.settle();
    expect(client.state.status).toBe("connected");
    connection.send(releases);
    await connection.expect({ type: PacketType.Disconnect, reasonCode: 0x97 });
    await connection.expectClosed();
    store.free();
    await bench.end(client);
  });

  it("identifiers of QoS 2 messages that it never releases are as many as there are, however often it comes back", async () => {
    const bench = new Bench();
    const { client, ...first } = await bench.connect({ receiveMaximum: 3 });
    let { connection } = first;
    for (let round = 0; round < 4; round++) {
      for (let id = 1; id <= 3; id++) {
        connection.send(publish("t", "x", { qos: 2, packetId: id }));
        await connection.expect(encode(pubrec(id)));
      }
      connection = await bench.reconnect(connection);
      await bench.clock.settle();
    }
    // Three of a connection's, and no fourth, whatever was left over from those before [MQTT-3.3.4-9].
    for (let id = 11; id <= 13; id++) connection.send(publish("t", "x", { qos: 2, packetId: id }));
    for (let id = 11; id <= 13; id++) await connection.expect(encode(pubrec(id)));
    connection.send(publish("t", "x", { qos: 2, packetId: 14 }));
    await connection.expect({ type: PacketType.Disconnect, reasonCode: 0x93 });
    await bench.end(client);
  });

  it("user properties count as what they take, at QoS 0 as well", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ maximumBufferedBytes: 10_000 });
    const subscribing = client.subscribeQueue("t");
    await grant(connection);
    const queue = await bench.clock.run(subscribing);
    const userProperties = Array.from({ length: 100 }, (_, n) => [`name ${n}`, "value"] as const);
    for (let n = 0; n < 50; n++) connection.send(publish("t", "", { properties: { userProperties } }));
    await bench.clock.advance(0);
    const size = encode(publish("t", "", { properties: { userProperties } })).length;
    expect(queue.size).toBeLessThanOrEqual(Math.ceil(10_000 / size));
    expect(queue.size).toBeGreaterThan(1);
    await bench.end(client);
  });
});

const SIZE = 1 << 20;

function repeated(packet: Uint8Array, times: number): Uint8Array {
  const all = new Uint8Array(packet.length * times);
  for (let n = 0; n < times; n++) all.set(packet, n * packet.length);
  return all;
}
