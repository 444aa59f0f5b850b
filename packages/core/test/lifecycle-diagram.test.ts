// SPDX-License-Identifier: Apache-2.0
// Every change of a client's state, and what brings it about. Writes docs/lifecycle.md with UPDATE_DOCS=1.
import { readFileSync, writeFileSync } from "node:fs";
import { PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import type { Client, ClientState } from "../src/index.js";
import { Bench, follow } from "./bench.js";
import { ScriptedStore } from "./scripted-store.js";

type Status = ClientState["status"];
type Change = `${Status} -> ${Status}`;

const { Connect, Connack, Disconnect } = PacketType;
const STATES: readonly Status[] = ["idle", "connecting", "connected", "waiting", "closed"];

const MEANING: Readonly<Record<Status, string>> = {
  idle: "made, and never connected",
  connecting: "asking for credentials, dialling, or waiting for CONNACK",
  connected: "CONNACK was good: packets can be sent",
  waiting: "until the next attempt",
  closed: "disconnected by the application, or failed: then with a `cause`",
};

/** What may follow what, and why. Every one of them happens in a test below, and no other does. */
const CHANGES: ReadonlyMap<Change, string> = new Map([
  ["idle -> connecting", "connect"],
  ["idle -> closed", "dispose, or the store can't be loaded"],
  ["connecting -> connected", "CONNACK"],
  ["connecting -> waiting", "failed, and tried again"],
  ["connecting -> closed", "failed for good, aborted, or disconnect"],
  ["connected -> waiting", "the connection is lost"],
  ["connected -> closed", "disconnect, or lost for good"],
  ["waiting -> connecting", "the delay is over"],
  ["waiting -> closed", "aborted, or disconnect"],
  ["closed -> connecting", "connect again, unless disposed"],
]);

/** What happens to a client, and how its state changes meanwhile. */
const LIVES: readonly { name: string; live(watch: Watch): Promise<void> }[] = [
  {
    name: "is disposed before it ever connected",
    live: async (watch) => {
      const { client } = watch.start();
      await client[Symbol.asyncDispose]();
    },
  },
  {
    name: "has a store that can't be loaded",
    live: async (watch) => {
      const store = Object.assign(new ScriptedStore().free(), { load: () => Promise.reject(new Error("unreadable")) });
      const { bench, client } = watch.start({ store });
      follow(client.connect());
      await bench.clock.settle();
    },
  },
  {
    name: "fails at its first attempt, and connects later",
    live: async (watch) => {
      const { bench, client } = watch.start();
      follow(client.connect());
      (await bench.peer.accept()).cut();
      await bench.clock.settle();
      follow(client.connect());
      await bench.peer.acceptConnect();
      await bench.end(client);
    },
  },
  {
    name: "keeps trying, and is refused for good",
    live: async (watch) => {
      const { bench, client } = watch.start({ retryInitialConnect: true });
      follow(client.connect());
      (await bench.peer.accept()).cut();
      const refused = await bench.peer.accept();
      await refused.expect(Connect);
      refused.send({ type: Connack, sessionPresent: false, reasonCode: 0x87 });
      await refused.expectClosed();
    },
  },
  {
    name: "is aborted while it waits, and disconnected while it dials",
    live: async (watch) => {
      const { bench, client } = watch.start({ retryInitialConnect: true });
      const controller = new AbortController();
      follow(client.connect({ signal: controller.signal }));
      (await bench.peer.accept()).cut();
      await bench.clock.settle();
      controller.abort();
      await bench.clock.settle();
      follow(client.connect());
      await bench.peer.accept();
      await bench.end(client);
    },
  },
  {
    name: "loses its connection, comes back, and is told by the broker to go",
    live: async (watch) => {
      const { bench, client } = watch.start();
      follow(client.connect());
      (await bench.peer.acceptConnect()).cut();
      const next = await bench.peer.acceptConnect({ connack: { sessionPresent: true } });
      next.send({ type: Disconnect, reasonCode: 0x8b });
      await next.expectClosed();
      await bench.clock.settle();
      await bench.end(client);
    },
  },
  {
    name: "loses its connection, and does not want another",
    live: async (watch) => {
      const { bench, client } = watch.start({ onConnectionDown: () => false });
      follow(client.connect());
      (await bench.peer.acceptConnect()).cut();
      await bench.clock.settle();
    },
  },
];

/** Notes every change of the state of one client, life after life. */
class Watch {
  readonly changes: Change[] = [];

  start(options: Parameters<Bench["client"]>[0] = {}): { bench: Bench; client: Client } {
    const bench = new Bench();
    const client = bench.client(options);
    void this.#follow(client);
    return { bench, client };
  }

  async #follow(client: Client): Promise<void> {
    let from = client.state.status;
    for (let before = -1; before < this.changes.length; ) {
      before = this.changes.length; // a client that was disposed has no more of them
      for await (const { status } of client.states()) {
        this.changes.push(`${from} -> ${status}`);
        from = status;
      }
    }
  }
}

const seen = new Set<Change>();

describe("the state of a client that", () => {
  it.each(LIVES.map(({ name, live }) => [name, live] as const))("%s changes as drawn", async (_, live) => {
    const watch = new Watch();
    await live(watch);
    await Promise.resolve();
    expect(watch.changes.filter((change) => !CHANGES.has(change))).toEqual([]);
    expect(watch.changes.length).toBeGreaterThan(0);
    for (const change of watch.changes) seen.add(change);
  });
});

it("every change that is drawn has been seen", () => {
  expect([...CHANGES.keys()].filter((change) => !seen.has(change))).toEqual([]);
});

const source = (path: string): string => readFileSync(new URL(`../src/${path}`, import.meta.url), "utf8");

/** The table in the first comment of a file that begins with these words. */
function tableOf(path: string, words: string): string {
  const comment = source(path)
    .match(/\/\*\*[\s\S]*?\*\//g)
    ?.find((text) => text.includes(words));
  const rows = comment?.match(/\|.*\|/g) ?? [];
  if (rows.length < 3) throw new Error(`${path} has no table: ${words}`);
  return rows.join("\n");
}

function document(): string {
  const drawn = [...CHANGES].map(([change, why]) => `  ${change.replace("->", "-->")}: ${why}`);
  const states = STATES.map((state) => `| \`${state}\` | ${MEANING[state]} |`);
  return `# Life cycle

Generated by \`packages/core/test/lifecycle-diagram.test.ts\`, which makes each change happen and fails when another one does, and from the
tables at the top of \`connection.ts\` and \`session.ts\` (\`UPDATE_DOCS=1\` rewrites this file).

## A client

\`client.state.status\`; \`client.states()\` follows it. What comes with each status is in the [README of core](../packages/core/README.md#connecting).

\`\`\`mermaid
stateDiagram-v2
  [*] --> idle
${drawn.join("\n")}
\`\`\`

| status | what it means |
| --- | --- |
${states.join("\n")}

## A connection

Which packets a broker may send when; all else is a Protocol Error, which ends the connection with DISCONNECT 0x82. AwaitConnack is part of
\`connecting\`, Open is \`connected\`.

${tableOf("connection/connection.ts", "Which packets a broker may send when")}

## A publish

Which acknowledgement is legal for a QoS 1 or 2 publish; any other is ignored and counted (\`acksIgnored\`).

${tableOf("session/session.ts", "Which acknowledgement is legal for a publish")}
`;
}

it("the diagram and the tables in docs/lifecycle.md are those", () => {
  const path = new URL("../../../docs/lifecycle.md", import.meta.url);
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(path, document());
  expect(document()).toBe(readFileSync(path, "utf8"));
});
