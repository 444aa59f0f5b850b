// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "@mqttv5/wire";
import { linkPair, ScriptedPeer, VirtualClock } from "@mqttv5/testing";
import { describe, expect, test } from "vitest";
import { Client, type Link } from "../src/index.js";
import { Bench, follow } from "./bench.js";

describe("a QoS 0 publish", () => {
  test("resolves once accepted, by default [parity 66]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    connection.remote?.stall();
    await expect(client.publish("a", "x")).resolves.toEqual({ reasonCode: 0 });
    await bench.clock.run(client.disconnect(), 5000);
  });

  test("resolves once it was handed over, if that is asked for [parity 66]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ publishMode: "wait-for-flush" });
    connection.remote?.stall();
    const small = follow(client.publish("a", "x"));
    const large = follow(client.publish("a", "x".repeat(100_000)));
    await bench.clock.settle();
    expect([small.status, large.status]).toEqual(["pending", "pending"]);
    connection.remote?.unstall();
    await bench.clock.settle();
    expect([small.status, large.status]).toEqual(["resolved", "resolved"]);
    await connection.expect({ type: PacketType.Publish, payload: "x" });
    await connection.expect({ type: PacketType.Publish, payload: "x".repeat(100_000) });
    await bench.end(client);
  });

  test("that waits to be handed over rejects when the link is lost, and leaves before a goodbye", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ publishMode: "wait-for-flush" });
    connection.remote?.stall();
    const lost = follow(client.publish("a", "x"));
    await bench.clock.settle();
    connection.cut();
    await bench.clock.settle();
    expect(lost.error).toMatchObject({ code: "CONNECTION_LOST", delivery: "unknown" });
    const next = await bench.peer.acceptConnect();
    const last = follow(client.publish("a", "y"));
    const bye = client.disconnect();
    await next.expect({ type: PacketType.Publish, payload: "y" });
    await next.expect(PacketType.Disconnect);
    await bench.clock.run(bye);
    expect(last.status).toBe("resolved");
  });

  test("that can't be encoded is refused in either mode", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ publishMode: "wait-for-flush" });
    await expect(client.publish("a/#", "")).rejects.toMatchObject({ code: "INVALID_TOPIC", field: "topic" });
    await connection.expectNone();
    await bench.end(client);
  });

  test("hands a payload over without copying it [parity 66]", async () => {
    const clock = new VirtualClock();
    const peer = new ScriptedPeer({ clock });
    const handed: Uint8Array[] = [];
    const client = new Client({
      broker: "mqtt://test",
      clientId: "c",
      clock,
      publishMode: "wait-for-flush",
      transport: {
        connect: async () => {
          const [ours, theirs] = linkPair({ clock });
          peer.attach(theirs, ours);
          const send = ours.send.bind(ours);
          return Object.assign(ours, {
            send: (...[chunk, flushed]: Parameters<Link["send"]>) => {
              handed.push(chunk);
              return send(chunk, flushed);
            },
          });
        },
      },
    });
    const connecting = client.connect();
    await peer.acceptConnect();
    await clock.run(connecting);
    const payload = new Uint8Array(5000);
    await clock.run(client.publish("a", payload));
    expect(handed).toContain(payload);
    await clock.run(client.disconnect());
  });
});
