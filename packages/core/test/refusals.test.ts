// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { isReasonCodeOf, PacketType, ReasonCode, reasonName } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import { constantBackoff, exponentialBackoff, type RefusalContext, type RefusalPolicy } from "../src/index.js";
import { CONNACK_VERDICTS, DISCONNECT_VERDICTS, FAILURE_VERDICTS } from "../src/refusals.js";
import { auth, connack, connected, expectAuth, start, TestAuthenticator } from "./auth-bench.js";
import { Bench, follow } from "./bench.js";

const { Connect, Connack, Disconnect } = PacketType;

/** Every Reason Code of 0x80 or above that CONNACK may carry. */
const REFUSALS = Object.values(ReasonCode)
  .filter((code) => code >= 0x80 && isReasonCodeOf(Connack, code, "server"))
  .toSorted((a, b) => a - b);

async function refuse(bench: Bench, reasonCode: number): Promise<void> {
  const connection = await bench.peer.accept({ within: 60_000 });
  await connection.expect(Connect);
  connection.send({ type: Connack, sessionPresent: false, reasonCode });
  await connection.expectClosed();
  await bench.clock.settle();
}

/** The milliseconds until the next attempt. */
function wait(bench: Bench, state: { status: string; retryAt?: number }): number | string {
  return state.status === "waiting" ? (state.retryAt as number) - bench.clock.wallTime() : state.status;
}

describe("a refused connect [decision 13]", () => {
  it("before the first connection is fatal or retried as the table says, for every code of CONNACK", async () => {
    expect([...CONNACK_VERDICTS.keys()]).toEqual(REFUSALS);
    for (const reasonCode of REFUSALS) {
      const bench = new Bench();
      const client = bench.client({ retryInitialConnect: true });
      const connecting = follow(client.connect());
      await refuse(bench, reasonCode);
      const fatal = CONNACK_VERDICTS.get(reasonCode)?.[0] === "fatal";
      expect([reasonCode, wait(bench, client.state)]).toEqual([reasonCode, fatal ? "closed" : 100]);
      expect(connecting.status).toBe(fatal ? "rejected" : "pending");
      await bench.end(client);
    }
  });

  it("after a first connection never ends the client, and waits as the table says, for every code of CONNACK", async () => {
    for (const reasonCode of REFUSALS) {
      const bench = new Bench();
      const { client, connection } = await bench.connect({ reconnectBackoff: exponentialBackoff(1000, 30_000, 0) });
      connection.cut();
      await refuse(bench, reasonCode);
      const slow = CONNACK_VERDICTS.get(reasonCode)?.[1] === "slow";
      expect([reasonCode, wait(bench, client.state)]).toEqual([reasonCode, slow ? 30_000 : 2000]);
      await bench.end(client);
    }
  });

  it("is judged by the application, if it wants to", async () => {
    const asked: [number, RefusalContext][] = [];
    const refusals: RefusalPolicy = (reasonCode, context) => {
      asked.push([reasonCode, context]);
      if (reasonCode === 0x86) return "retry";
      if (reasonCode === 0x88) return context.everConnected ? "fatal" : "slow";
      return undefined;
    };
    const bench = new Bench();
    const client = bench.client({
      refusals,
      retryInitialConnect: true,
      reconnectBackoff: exponentialBackoff(1000, 30_000, 0),
    });
    const connecting = follow(client.connect());
    await refuse(bench, 0x86);
    expect(wait(bench, client.state)).toBe(1000);
    await refuse(bench, 0x88);
    expect(wait(bench, client.state)).toBe(30_000);
    const connection = await bench.peer.acceptConnect({ within: 60_000 });
    await bench.clock.settle();
    expect(connecting.status).toBe("resolved");
    connection.cut();
    await refuse(bench, 0x87); // left to the table
    expect(wait(bench, client.state)).toBe(30_000);
    await refuse(bench, 0x88);
    expect(client.state).toMatchObject({ status: "closed", cause: { reasonCode: 0x88 } });
    expect(asked).toEqual([
      [0x86, { everConnected: false, packet: "CONNACK" }],
      [0x88, { everConnected: false, packet: "CONNACK" }],
      [0x87, { everConnected: true, packet: "CONNACK" }],
      [0x88, { everConnected: true, packet: "CONNACK" }],
    ]);
    expect(bench.clock.pending).toBe(0);
  });

  it("is judged by the table where the application throws or answers nonsense", async () => {
    for (const refusals of [
      () => {
        throw new Error("policy");
      },
      () => "never" as never,
    ]) {
      const bench = new Bench();
      const client = bench.client({ refusals, retryInitialConnect: true });
      follow(client.connect());
      await refuse(bench, 0x80);
      expect(client.state.status).toBe("waiting");
      await refuse(bench, 0x87);
      expect(client.state.status).toBe("closed");
      expect(bench.log).toHaveLength(2);
    }
  });

  it("is documented: the table of the README is the one in use", () => {
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
    const rows = [...CONNACK_VERDICTS].map(
      ([code, [before, after]]) => `0x${code.toString(16).toUpperCase()} ${reasonName(code)} ${before} ${after}`,
    );
    const documented = [...readme.matchAll(/^\| (0x[0-9A-F]{2}) +\| ([^|]+?) +\| (\w+) +\| (\w+) +\|$/gm)].map((row) =>
      row.slice(1).join(" "),
    );
    expect(documented).toEqual(rows);
    expect([...DISCONNECT_VERDICTS]).toEqual([[0x8e, "double"]]);
    const failures = [...readme.matchAll(/^\| `([A-Z_]+)` \| ([^|]+) \| (\w+) \| (\w+) \|$/gm)];
    expect(failures.map(([, code, , before, after]) => [code, before, after])).toEqual([
      ...[...FAILURE_VERDICTS].map(([code, verdicts]) => [code, ...verdicts]),
      ["AUTHENTICATION_FAILED", "retry", "retry"], // not begun
      ["CREDENTIALS_FAILED", "retry", "retry"],
    ]);
  });
});

describe("an authentication that fails on our side", () => {
  const reconnectBackoff = exponentialBackoff(1000, 30_000, 0);
  const never = (): never => {
    throw new Error("no");
  };

  it("before the first connection is fatal, even where attempts are repeated", async () => {
    for (const [step, answer] of [
      ["verify", connack("lie")],
      ["respond", auth(0x18, "challenge")],
    ] as const) {
      const bench = new Bench();
      const authenticator = new TestAuthenticator({ [step]: never });
      const { client, connecting, connection } = await start(bench, { authenticator, retryInitialConnect: true });
      connection.send(answer);
      await bench.clock.settle();
      expect(connecting.error).toMatchObject({ code: "AUTHENTICATION_FAILED" });
      expect(client.state).toMatchObject({ status: "closed", cause: { code: "AUTHENTICATION_FAILED" } });
      expect(bench.clock.pending).toBe(0);
    }
  });

  it("after a first connection is tried again at the longest delay, and ends nothing", async () => {
    for (const [step, answer] of [
      ["verify", connack("lie")],
      ["respond", auth(0x18, "challenge")],
    ] as const) {
      const bench = new Bench();
      const authenticator = new TestAuthenticator();
      const { client, connection } = await connected(bench, authenticator, { reconnectBackoff });
      connection.cut();
      authenticator.behaviour = { [step]: never };
      const next = await bench.peer.accept();
      await next.expect(Connect);
      next.send(answer);
      await bench.clock.settle();
      expect(wait(bench, client.state)).toBe(30_000);
      authenticator.behaviour = {};
      const last = await bench.peer.accept({ within: 60_000 });
      await last.expect(Connect);
      last.send(connack());
      await bench.clock.settle();
      expect(client.state.status).toBe("connected");
      await bench.end(client);
    }
  });

  it("before it has begun is tried again with the usual delay, before and after: what it needs may come back", async () => {
    for (const options of [
      { authenticator: new TestAuthenticator({ begin: never }), code: "AUTHENTICATION_FAILED" },
      { credentials: never, code: "CREDENTIALS_FAILED" },
    ]) {
      const { code, ...client } = options;
      const bench = new Bench();
      const first = bench.client({ ...client, retryInitialConnect: true, reconnectBackoff });
      const connecting = follow(first.connect());
      await bench.clock.settle();
      expect(first.state).toMatchObject({ status: "waiting", reason: { code } });
      expect(wait(bench, first.state)).toBe(1000);
      await bench.end(first);
      expect(connecting.error).toMatchObject({ code: "CLOSED" });
    }
    const bench = new Bench();
    const authenticator = new TestAuthenticator();
    const { client, connection } = await connected(bench, authenticator, { reconnectBackoff });
    authenticator.behaviour = { begin: never };
    connection.cut();
    await bench.clock.settle();
    await bench.clock.advance(1000);
    expect(client.state).toMatchObject({ status: "waiting", reason: { code: "AUTHENTICATION_FAILED" } });
    expect(wait(bench, client.state)).toBe(2000);
    await bench.end(client);
  });

  it("of a re-authentication is followed by a reconnect as after any lost connection", async () => {
    const bench = new Bench();
    const authenticator = new TestAuthenticator();
    const { client, connection } = await connected(bench, authenticator, { reconnectBackoff });
    authenticator.behaviour = { respond: never };
    const again = follow(client.reauthenticate());
    await expectAuth(connection, 0x19, "begin 2");
    connection.send(auth(0x18));
    await bench.clock.settle();
    expect(again.error).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(wait(bench, client.state)).toBe(1000);
    await bench.end(client);
  });
});

describe("a session that another client took over [decision 13]", () => {
  const takeOver = async (bench: Bench, connection: ScriptedConnection): Promise<void> => {
    connection.send({ type: Disconnect, reasonCode: 0x8e });
    await connection.expectClosed();
    await bench.clock.settle();
  };
  const again = (bench: Bench) =>
    bench.peer.acceptConnect({ connack: { sessionPresent: true }, within: 100_000 }).then(async (connection) => {
      await bench.clock.settle();
      return connection;
    });

  it("doubles the delay and does not reset it, however long the connection lasted", async () => {
    for (const [reconnectBackoff, delays] of [
      [exponentialBackoff(1000, 8000, 0), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]],
      [constantBackoff(100), [100, 200, 400, 800, 1600, 3200, 6400]],
    ] as const) {
      const bench = new Bench();
      let { client, connection } = await bench.connect({ reconnectBackoff, keepAlive: false });
      for (const delay of delays) {
        await bench.clock.advance(700_000);
        await takeOver(bench, connection);
        expect(wait(bench, client.state)).toBe(delay);
        connection = await again(bench);
      }
      expect(bench.log).toEqual([]);
      await bench.clock.advance(700_000); // any other end of a long connection makes an end of it
      connection.cut();
      await bench.clock.settle();
      expect(wait(bench, client.state)).toBe(delays[0]);
      await bench.end(client);
    }
  });

  it("is warned of after 3 times in 10 minutes", async () => {
    const bench = new Bench();
    let { client, connection } = await bench.connect({ keepAlive: false });
    for (const pause of [0, 299_000, 302_000, 1000]) {
      expect(bench.log).toEqual([]);
      await bench.clock.advance(pause);
      await takeOver(bench, connection);
      connection = await again(bench);
    }
    expect(bench.log).toEqual([expect.stringContaining('"client"')]);
    await takeOver(bench, connection);
    connection = await again(bench);
    await takeOver(bench, connection);
    expect(bench.log).toHaveLength(1);
    await takeOver(bench, await again(bench));
    expect(bench.log).toHaveLength(2);
    await bench.end(client);
  });

  it("can be made the end of the client", async () => {
    const bench = new Bench();
    const calls: string[] = [];
    const { client, connection } = await bench.connect({
      refusals: (code, { packet }) => (packet === "DISCONNECT" && code === 0x8e ? "fatal" : undefined),
      onServerDisconnect: () => calls.push("server"),
      onConnectionDown: () => void calls.push("down"),
    });
    await takeOver(bench, connection);
    expect(calls).toEqual(["server", "down"]);
    expect(client.state).toMatchObject({ status: "closed", cause: { reasonCode: 0x8e } });
    expect(bench.clock.pending).toBe(0);
  });
});
