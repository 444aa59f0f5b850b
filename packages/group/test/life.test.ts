// SPDX-License-Identifier: Apache-2.0
import { getEventListeners } from "node:events";
import { constantBackoff, type Transport } from "@mqttv5/core";
import { describe, expect, it } from "vitest";
import { GroupError } from "../src/index.js";
import { codeOf, follow, GroupBench, told } from "./bench.js";

/** Brokers that are so many milliseconds away. */
function delayed(bench: GroupBench, delays: Readonly<Partial<Record<string, number>>>): Transport {
  return {
    connect: async (url, options) => {
      const delay = delays[url.hostname] ?? 0;
      if (delay > 0) await new Promise<void>((resolve) => bench.clock.schedule(delay, resolve));
      return bench.transport.connect(url, options);
    },
  };
}

describe("connecting a group", () => {
  it("connects every member at once, and tells what each was granted", async () => {
    const bench = new GroupBench();
    const group = bench.group();
    const connecting = follow(group.connect());
    expect([...group.members.values()].map(({ state }) => state.status)).not.toContain("idle");
    await bench.clock.settle();
    expect(told(connecting.value)).toEqual(["emea ok", "apac ok", "amer ok"]);
    expect(connecting.value?.[1]).toMatchObject({ value: { clientId: "fleet-2" } });
    expect(group.stats().membersConnected).toBe(3);
    await bench.end(group);
  });

  it("connects and disconnects one after the other if that is wanted, in the order given", async () => {
    const bench = new GroupBench();
    const group = bench.group({ sequential: true });
    const statuses = (): string => [...group.members.values()].map(({ state }) => state.status).join(" ");
    const order: string[] = [];
    for (const [name, client] of group.members) {
      void (async () => {
        for await (const { status } of client.states()) if (status !== "connecting") order.push(`${name} ${status}`);
      })();
    }
    const connecting = follow(group.connect());
    expect(statuses()).toMatch(/idle idle$/);
    await bench.clock.settle();
    expect(connecting.status).toBe("resolved");
    expect(bench.connects).toEqual(["emea fleet", "apac fleet-2", "amer fleet-3"]);
    const ending = group.disconnect();
    expect(group.stats().membersConnected).toBe(2); // the others have not said goodbye yet
    await bench.end(group);
    await ending;
    expect(order).toEqual([
      "emea connected",
      "apac connected",
      "amer connected",
      "emea closed",
      "apac closed",
      "amer closed",
    ]);
  });

  it("rejects with every member's part if one fails; the others can be used, and another call tries it again", async () => {
    const bench = new GroupBench();
    bench.refused.add("apac");
    const group = bench.group();
    const connecting = follow(group.connect());
    await bench.clock.settle();
    const error = connecting.error as GroupError;
    expect(error).toBeInstanceOf(GroupError);
    expect(error).toMatchObject({ name: "GroupError", code: "CONNECT_REFUSED", operation: "connect", needed: 3 });
    expect(error.delivery).toBeUndefined();
    expect(told(error.results)).toEqual(["emea ok", "apac CONNECT_REFUSED refused", "amer ok"]);
    expect(error.message).toMatch(/^connect: 2 of 3 members succeeded, 3 needed; apac: .*0x87/);
    expect(codeOf(error.cause)).toBe("CONNECT_REFUSED");
    expect(told(await bench.clock.run(group.publish("t", "", { qos: 1 })))).toEqual([
      "emea ok",
      "apac NOT_CONNECTED not-sent",
      "amer ok",
    ]);
    bench.refused.clear();
    expect(told(await bench.clock.run(group.connect()))).toEqual(["emea ok", "apac ok", "amer ok"]);
    expect(bench.connects).toHaveLength(4);
    await bench.end(group);
  });

  it("with `any` resolves without a broker that is down, which joins when it is up", async () => {
    const bench = new GroupBench();
    await bench.kill("apac", 2000);
    const group = bench.group({ success: "any", shared: { retryInitialConnect: true } });
    const connecting = follow(group.connect({ timeout: 500 }));
    await bench.clock.settle();
    expect(told(connecting.value)).toEqual(["emea ok", "apac pending", "amer ok"]);
    expect(bench.log).toEqual(["apac: could not connect yet, and goes on trying"]);
    await bench.clock.advance(1000);
    expect(group.members.get("apac")?.state.status).not.toBe("closed"); // the timeout was that of the call
    await bench.clock.advance(1500);
    expect(group.stats().membersConnected).toBe(3);
    const result = connecting.value?.[1];
    expect(result?.status === "pending" && told([await result.outcome])).toEqual(["apac ok"]);
    await bench.end(group);
  });

  it("waits for a member that is slow, although enough are connected, until its first attempt has failed", async () => {
    const bench = new GroupBench();
    const slow = bench.transport;
    const group = bench.group({
      success: { quorum: 2 },
      shared: {
        retryInitialConnect: true,
        connectTimeout: 1000,
        transport: {
          connect: (url, options) => (url.hostname === "apac" ? new Promise(() => {}) : slow.connect(url, options)),
        },
      },
    });
    const connecting = follow(group.connect());
    await bench.clock.advance(999);
    expect([connecting.status, group.stats().membersConnected]).toEqual(["pending", 2]);
    await bench.clock.advance(1);
    expect(told(connecting.value)).toEqual(["emea ok", "apac pending", "amer ok"]);
    await bench.end(group);
  });

  it.each([false, true])(
    "stops when its signal aborts or its time is up (one after the other: %s)",
    async (sequential) => {
      for (const [code, options] of [
        ["TIMEOUT", { timeout: 500 }],
        ["ABORTED", {}],
      ] as const) {
        const bench = new GroupBench();
        await bench.kill("apac", 60_000);
        const group = bench.group({ sequential, shared: { retryInitialConnect: true } });
        const abort = new AbortController();
        const connecting = follow(group.connect({ signal: abort.signal, ...options }));
        await bench.clock.advance(499);
        expect(connecting.status).toBe("pending");
        if (code === "ABORTED") abort.abort(new Error("enough"));
        await bench.clock.advance(1);
        expect(connecting.error).toMatchObject({ code, name: code === "TIMEOUT" ? "TimeoutError" : "AbortError" });
        expect(group.stats().membersConnected).toBe(2);
        await bench.end(group);
      }
    },
  );

  it("does not wait for a member whose first attempt failed while it tries again, each time it is called", async () => {
    const bench = new GroupBench();
    const delays: Partial<Record<string, number>> = { emea: 500, apac: 100 };
    const options = {
      success: "any",
      shared: { retryInitialConnect: true, transport: delayed(bench, delays) },
    } as const;
    const group = bench.group(options);
    bench.refused.add("apac"); // which ends the client
    expect(told(await bench.clock.run(group.connect()))).toEqual([
      "emea ok",
      "apac CONNECT_REFUSED refused",
      "amer ok",
    ]);
    expect(bench.log.at(-1)).toBe("apac: could not connect");
    await bench.kill("apac", 60_000);
    const again = follow(group.connect());
    await bench.clock.advance(99);
    expect(again.status).toBe("pending");
    await bench.clock.advance(1);
    expect(told(again.value)).toEqual(["emea ok", "apac pending", "amer ok"]);
    await bench.end(group);

    delays["apac"] = 0;
    const slow = bench.group(options);
    const connecting = follow(slow.connect());
    await bench.clock.advance(50);
    delays["apac"] = 5000;
    await bench.clock.advance(449);
    expect([connecting.status, slow.members.get("apac")?.state.status]).toEqual(["pending", "connecting"]);
    await bench.clock.advance(1);
    expect(told(connecting.value)).toEqual(["emea ok", "apac pending", "amer ok"]);
    await bench.end(slow);
  });

  it.each([false, true])(
    "is ALREADY_CONNECTED while it connects and once all are (in turn: %s)",
    async (sequential) => {
      const bench = new GroupBench();
      const group = bench.group({ sequential });
      const calls = [group.connect(), group.connect()].map(follow);
      await bench.clock.settle();
      const again = follow(group.connect());
      await bench.clock.settle();
      expect([...calls, again].map(({ status, error }) => codeOf(error) ?? status)).toEqual([
        "resolved",
        "ALREADY_CONNECTED",
        "ALREADY_CONNECTED",
      ]);
      await bench.end(group);
    },
  );

  it("names a wrong argument, and starts nothing", async () => {
    const group = new GroupBench().group();
    for (const [field, options] of [
      ["signal", { signal: {} }],
      ["timeout", { timeout: -1 }],
      ["success.quorum", { success: { quorum: 4 } }],
      ["options", null],
    ] as const) {
      await expect(group.connect(options as never)).rejects.toMatchObject({ code: "INVALID_FIELD", field });
    }
    expect([...group.members.values()].map(({ state }) => state.status)).toEqual(["idle", "idle", "idle"]);
  });
});

describe("a group is used once [parity 176]", () => {
  it("after disconnect every call rejects with CLOSED, and what waited is told", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    const subscription = await bench.clock.run(group.subscribe("t"));
    const queue = await bench.clock.run(group.subscribeQueue("q"));
    await bench.kill("apac");
    const waiting = [
      group.publish("t", "", { success: "all", whenOffline: "wait" }),
      group.subscribe("u", { whenOffline: "wait" }),
      queue.dequeue(),
      (async () => {
        for await (const message of subscription) message.ack();
      })(),
    ].map((call) => follow<unknown>(call));
    await bench.clock.settle();
    expect(waiting.map(({ status }) => status)).toEqual(["pending", "pending", "pending", "pending"]);
    await bench.end(group);
    expect(waiting.map(({ status, error }) => codeOf(error) ?? status)).toEqual([
      "CLOSED",
      "CLOSED",
      "resolved",
      "resolved",
    ]);
    const calls = [
      group.connect(),
      group.publish("t"),
      group.subscribe("t"),
      group.subscribeQueue("t"),
      group.subscribeCallback("t", () => {}),
    ].map((call) => follow<unknown>(call));
    await bench.clock.settle();
    expect(calls.map(({ error }) => codeOf(error))).toEqual(["CLOSED", "CLOSED", "CLOSED", "CLOSED", "CLOSED"]);
    expect(calls[0]?.error).toMatchObject({ delivery: "not-sent" });
    expect((await subscription.closed).get("emea")?.reason).toBe("disconnected");
  });

  it("closes once: further calls wait for the same end", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    const calls = [group.disconnect(), group.disconnect({ reasonCode: 4 }), group[Symbol.asyncDispose]()].map(follow);
    await bench.end(group);
    expect(group.disconnect()).toBe(group.disconnect());
    expect(calls.map(({ status }) => status)).toEqual(["resolved", "resolved", "resolved"]);
    expect(group.members.get("emea")?.state.status).toBe("closed");
  });

  it("also one that never was connected, and one that connects at that moment", async () => {
    const bench = new GroupBench();
    await bench.clock.run(bench.group().disconnect());
    for (const sequential of [false, true]) {
      const dialled: string[] = [];
      const transport: Transport = {
        connect: (url) => {
          dialled.push(url.hostname);
          return new Promise(() => {});
        },
      };
      const group = bench.group({ sequential, shared: { transport } });
      const signal = new AbortController().signal;
      const connecting = follow(group.connect({ signal }));
      expect(getEventListeners(signal, "abort")).toHaveLength(1);
      await bench.clock.settle();
      await bench.end(group);
      expect([codeOf(connecting.error), dialled.length]).toEqual(["CLOSED", sequential ? 1 : 3]);
      expect(getEventListeners(signal, "abort")).toEqual([]);
    }
  });

  it("takes a wrong option for a mistake and stays open; what is wrong for one member only is left out there", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    await expect(bench.clock.run(group.disconnect({ reasonCode: 1 }))).rejects.toMatchObject({
      code: "INVALID_FIELD",
      field: "reasonCode",
    });
    expect(group.stats().membersConnected).toBe(3);
    await bench.end(group);

    const [emea, ...others] = bench.members;
    const mixed = await bench.connect({}, [{ ...emea, sessionExpiryInterval: 0 }, ...others]);
    const ending = follow(mixed.disconnect({ sessionExpiryInterval: 9 }));
    await bench.clock.settle();
    expect(told((ending.error as GroupError).results)).toEqual([
      "emea INVALID_SESSION_EXPIRY not-sent",
      "apac ok",
      "amer ok",
    ]);
    expect(mixed.stats().membersConnected).toBe(0);
    expect(bench.timers.size).toBe(0);
  });

  it("a member that is down at the end does not hold it up", async () => {
    const bench = new GroupBench();
    const group = await bench.connect({ shared: { reconnectBackoff: constantBackoff(60_000) } });
    await bench.kill("emea", 1);
    await bench.clock.run(group.disconnect(), 600);
    expect([...group.members.values()].map(({ state }) => state.status)).toEqual(["closed", "closed", "closed"]);
  });
});
