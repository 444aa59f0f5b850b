// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { MemorySessionStore } from "../src/index.js";
import { Bench, puback } from "./bench.js";

describe("the frame of a small publish", () => {
  it("pins little while it is unacknowledged, also behind one whose properties are large", async () => {
    const held: Uint8Array[] = [];
    const memory = new MemorySessionStore();
    const put = memory.put.bind(memory);
    memory.put = (record) => {
      held.push(record.packet);
      return put(record);
    };
    const bench = new Bench();
    const { client } = await bench.connect({ store: memory });
    const correlationData = new Uint8Array(60_000);
    const calls = [client.publish("a", "large", { qos: 1, correlationData })];
    for (let n = 0; n < 20; n++) calls.push(client.publish("a", "small", { qos: 1 }));
    for (const call of calls) call.catch(() => {}); // the client ends before they are acknowledged
    await bench.clock.settle();
    expect(held.length).toBe(21);
    for (const frame of held.slice(1)) expect(frame.buffer.byteLength).toBeLessThanOrEqual(2048);
    await bench.end(client);
  });

  it("pins no more than 8 KiB where many are unacknowledged, and little again when they are few", async () => {
    const held: Uint8Array[] = [];
    const memory = new MemorySessionStore();
    const put = memory.put.bind(memory);
    memory.put = (record) => {
      held.push(record.packet);
      return put(record);
    };
    const bench = new Bench();
    const { client, connection } = await bench.connect({ store: memory });
    const acknowledge = async (): Promise<void> => {
      await bench.clock.settle();
      connection.send(puback((await connection.expect(PacketType.Publish, { within: 5 })).packetId));
      await bench.clock.settle();
    };
    const calls: Promise<unknown>[] = [];
    for (let n = 0; n < 600; n++) calls.push(client.publish("a", "x".repeat(100), { qos: 1 }));
    for (let n = 0; n < 600; n++) await acknowledge();
    await bench.clock.run(Promise.all(calls));
    expect(new Set(held.map(({ buffer }) => buffer.byteLength))).toEqual(new Set([512, 2048, 8192]));
    for (let n = 0; n < 300; n++) {
      const call = client.publish("a", "small", { qos: 1 });
      await acknowledge();
      await bench.clock.run(call);
    }
    expect(held.length).toBe(900);
    for (const frame of held.slice(860)) expect(frame.buffer.byteLength).toBeLessThanOrEqual(2048);
    await bench.end(client);
  });
});
