// SPDX-License-Identifier: Apache-2.0
// What a publish does when the link takes no more and the memory for what waits is full.
import { PacketType } from "@mqttv5/wire";
import type { FaultyLink, ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import type { Client, ClientOptions } from "../src/index.js";
import { Bench, codeOf, follow, type Outcome, puback } from "./bench.js";

const { Publish } = PacketType;

const SIZE = 16 * 1024;
const BOUND = 256 * 1024;
const text = "x".repeat(SIZE);

async function stalled(options: Partial<ClientOptions>): Promise<{
  bench: Bench;
  client: Client;
  connection: ScriptedConnection;
  link: FaultyLink;
}> {
  const bench = new Bench();
  const connected = await bench.connect({ keepAlive: false, maximumPendingBytes: BOUND, ...options });
  const link = connected.connection.remote as FaultyLink;
  link.stall();
  return { bench, ...connected, link };
}

/** The topics of all that arrives. */
async function arrived(connection: ScriptedConnection): Promise<string[]> {
  const topics: string[] = [];
  for (;;) {
    const packet = await connection.next({ within: 5 }).catch(() => undefined);
    if (packet === undefined) return topics;
    if (packet.type !== Publish) continue;
    topics.push(packet.topic);
    if (packet.qos > 0) connection.send(puback(packet.packetId));
  }
}

describe("a QoS 0 publish without room", () => {
  it("waits by default: all that was asked for arrives, in order, and memory is bounded [parity 67]", async () => {
    const { bench, client, connection, link } = await stalled({});
    const calls = Array.from({ length: 100 }, (_, n) => follow(client.publish(`t/${n}`, text)));
    await bench.clock.advance(60_000);
    expect(calls.map(({ status }) => status)).toContain("pending");
    expect(calls.map(({ status }) => status)).not.toContain("rejected");
    expect(link.pendingBytes).toBeLessThan(BOUND + 2 * SIZE);
    link.unstall();
    expect(await arrived(connection)).toEqual(calls.map((_, n) => `t/${n}`));
    expect(calls.every(({ status }) => status === "resolved")).toBe(true);
    expect(client.stats()).toMatchObject({ publishesDropped: 0, publishesSent: 100 });
    await bench.end(client);
  });

  it("is rejected with drop-newest, certainly not sent and counted; no call waits for the link [parity 67]", async () => {
    const { bench, client, connection, link } = await stalled({ writeOverflow: "drop-newest" });
    const outcomes: string[] = [];
    let turns = 0;
    const tick = (): void => {
      if (outcomes.at(-1) !== "sent" && outcomes.length > 0) return; // the first that was dropped
      turns++;
      bench.clock.afterTurn(tick);
    };
    tick();
    // One after the other: a call that waited for the link would be the last.
    const loop = (async () => {
      for (let n = 0; n < 100; n++) {
        const call = client.publish(`t/${n}`, text);
        outcomes.push(await call.then(() => "sent").catch((error) => `${codeOf(error)} ${error.delivery}`));
      }
    })();
    await bench.clock.settle();
    await loop;
    const accepted = outcomes.indexOf("WRITE_QUEUE_FULL not-sent");
    expect(accepted).toBeGreaterThanOrEqual(BOUND / SIZE - 1);
    expect(accepted).toBeLessThanOrEqual(BOUND / SIZE + 4);
    expect(turns).toBeLessThan(accepted / 2); // a full link takes as many a turn as any
    expect(outcomes.slice(0, accepted)).toEqual(Array.from({ length: accepted }, () => "sent"));
    expect(outcomes.slice(accepted)).toEqual(Array.from({ length: 100 - accepted }, () => "WRITE_QUEUE_FULL not-sent"));
    expect(link.pendingBytes).toBeLessThan(BOUND + 2 * SIZE);
    expect(client.stats()).toMatchObject({ publishesDropped: 100 - accepted, publishesSent: accepted });
    link.unstall();
    expect(await arrived(connection)).toEqual(Array.from({ length: accepted }, (_, n) => `t/${n}`));
    await bench.clock.run(client.publish("later", "")); // there is room again
    expect(await arrived(connection)).toEqual(["later"]);
    expect(client.stats().publishesDropped).toBe(100 - accepted);
    await bench.end(client);
  });

  it("is rejected with drop-newest while others wait already, and those, at QoS 1, wait and arrive [parity 67]", async () => {
    const { bench, client, connection, link } = await stalled({ writeOverflow: "drop-newest" });
    const fill = Array.from({ length: 20 }, () => follow(client.publish("fill", text)));
    await bench.clock.settle();
    const accepted = fill.filter(({ status }) => status === "resolved").length;
    const patient = follow(client.publish("patient", "", { qos: 1 }));
    const dropped = follow(client.publish("dropped", ""));
    await bench.clock.advance(60_000);
    expect([patient.status, codeOf(dropped.error)]).toEqual(["pending", "WRITE_QUEUE_FULL"]);
    link.unstall();
    expect(await arrived(connection)).toEqual([...Array.from({ length: accepted }, () => "fill"), "patient"]);
    expect(patient.status).toBe("resolved");
    await bench.end(client);
  });

  it("is told with drop-newest of what is wrong with it rather than of the lack of room", async () => {
    const { bench, client } = await stalled({ writeOverflow: "drop-newest" });
    for (let n = 0; n < 20; n++) follow(client.publish("fill", text));
    await bench.clock.settle();
    const { publishesDropped } = client.stats();
    await expect(client.publish("a/#", "")).rejects.toMatchObject({ code: "INVALID_TOPIC" });
    const aborted = client.publish("a", "", { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ code: "ABORTED", delivery: "not-sent" });
    expect(client.stats().publishesDropped).toBe(publishesDropped);
    await bench.clock.run(client.disconnect(), 5000);
  });

  it("is rejected with drop-newest also if it is to wait for the flush, and what was accepted waits for that", async () => {
    const { bench, client, connection, link } = await stalled({
      writeOverflow: "drop-newest",
      publishMode: "wait-for-flush",
    });
    const calls = Array.from({ length: 40 }, () => follow(client.publish("t", text)));
    await bench.clock.settle();
    const statuses = calls.map(({ status }) => status);
    const accepted = statuses.indexOf("rejected");
    expect(new Set(statuses.slice(0, accepted))).toEqual(new Set(["pending"]));
    expect(new Set(statuses.slice(accepted))).toEqual(new Set(["rejected"]));
    link.unstall();
    expect(await arrived(connection)).toHaveLength(accepted);
    expect(calls.filter(({ status }) => status === "resolved")).toHaveLength(accepted);
    await bench.end(client);
  });

  it("that is dropped in an endless loop leaves the link and everybody else their turn [decision 16]", async () => {
    const { bench, client, connection, link } = await stalled({ writeOverflow: "drop-newest" });
    let dropped = 0;
    let turns = 0;
    const going = (): boolean => dropped < 5000 && turns < 100;
    // Were an error told within the turn, this would be one endless turn.
    const loop = (async () => {
      while (going()) await client.publish("t", text).catch(() => dropped++);
    })();
    const tick = (): void => {
      if (++turns < 100) bench.clock.afterTurn(tick);
    };
    tick();
    await bench.clock.run(loop);
    expect(turns).toBe(100);
    expect(dropped).toBeGreaterThan(20);
    expect(dropped).toBeLessThan(100);
    link.unstall();
    await arrived(connection);
    await bench.clock.run(client.disconnect(), 5000);
  });
});

describe("a publish that is rejected because its memory is full", () => {
  it("is counted, also while there is no connection and whatever its QoS", async () => {
    const bench = new Bench();
    const client = bench.client({ whenOffline: "wait", maximumPendingBytes: BOUND });
    const calls: Outcome<unknown>[] = [];
    for (let n = 0; n < 40; n++) calls.push(follow(client.publish("t", text, { qos: (n % 3) as 0 | 1 | 2 })));
    await bench.clock.settle();
    const rejected = calls.filter(({ error }) => codeOf(error) === "WRITE_QUEUE_FULL");
    expect(rejected.length).toBeGreaterThan(20);
    expect(client.stats().publishesDropped).toBe(rejected.length);
    await bench.clock.run(client[Symbol.asyncDispose]());
  });

  it("counts once in a pool, where its client's own connection drops it, and not where another one takes it", async () => {
    const bench = new Bench();
    const client = bench.client({
      writeOverflow: "drop-newest",
      keepAlive: false,
      maximumPendingBytes: BOUND,
      publisherPool: { size: 1 },
    });
    const connecting = follow(client.connect());
    const own = await bench.peer.acceptConnect();
    const member = await bench.peer.acceptConnect();
    await bench.clock.settle();
    expect(connecting.status).toBe("resolved");
    (member.remote as FaultyLink).stall();
    const calls = Array.from({ length: 30 }, () => follow(client.publish("t", text)));
    await arrived(own);
    expect(calls.every(({ status }) => status === "resolved")).toBe(true);
    const { poolFallbacks, publishesDropped } = client.stats();
    expect([poolFallbacks > 8, publishesDropped]).toEqual([true, 0]);
    (own.remote as FaultyLink).stall();
    const more = Array.from({ length: 40 }, () => follow(client.publish("t", text)));
    await bench.clock.settle();
    const dropped = more.filter(({ error }) => codeOf(error) === "WRITE_QUEUE_FULL").length;
    expect(dropped).toBeGreaterThan(10);
    expect(client.stats().publishesDropped).toBe(dropped);
    await bench.clock.run(client.disconnect(), 5000);
  });
});

describe("a publish that is rejected at once", () => {
  it("in an endless loop that passes over the error does not keep a connection from being made [decision 16]", async () => {
    for (const whenOffline of ["reject", "wait"] as const) {
      const bench = new Bench();
      const { client, connection } = await bench.connect({ whenOffline, maximumPendingBytes: 10 });
      connection.cut();
      await bench.clock.settle();
      let rejected = 0;
      const going = (): boolean => rejected < 100_000;
      const loop = (async () => {
        while (going()) {
          const sent = await client.publish("t", "").catch(() => undefined);
          if (sent !== undefined) return;
          rejected++;
        }
      })();
      // A loop takes every turn there is, and the virtual clock lets time pass only when nothing is left to do: time is told to.
      const ended = follow(loop);
      let turns = 0;
      const tick = (): void => {
        if (++turns < 50) bench.clock.afterTurn(tick);
        else rejected = 100_000;
      };
      tick();
      await bench.clock.run(loop);
      expect([turns, ended.status]).toEqual([50, "resolved"]);
      await bench.peer.acceptConnect({ connack: { sessionPresent: true } });
      await bench.clock.settle();
      expect(client.state.status).toBe("connected");
      await bench.end(client);
    }
  });

  it("is told at once as long as it is no such loop", async () => {
    const bench = new Bench();
    const client = bench.client();
    let told = 0;
    bench.clock.afterTurn(() => expect(told).toBe(200));
    for (let n = 0; n < 200; n++) client.publish("t", "").catch(() => told++);
    await bench.clock.settle();
    expect(told).toBe(200);
    expect(bench.clock.pending).toBe(0);
  });
});
