// SPDX-License-Identifier: Apache-2.0
// Each operation x each event of a client's life: what becomes of the call. Writes docs/outcomes.md with UPDATE_DOCS=1.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import type { CallbackSubscription, ClientOptions, MessageQueue } from "../src/index.js";
import { puback, pubrec, suback, unsuback } from "./bench.js";
import { type Operation, Scene } from "./outcome-scene.js";

const { Connect, Publish, Subscribe, Unsubscribe } = PacketType;

const operations: readonly Operation[] = [
  { name: "connect", sends: Connect, connects: true, waits: true, call: (client, options) => client.connect(options) },
  {
    name: "connect with `retryInitialConnect`",
    sends: Connect,
    connects: true,
    waits: true,
    options: { retryInitialConnect: true },
    call: (client, options) => client.connect(options),
  },
  { name: "connected", waits: true, call: (client, options) => client.connected(options) },
  ...([0, 1, 2] as const).map(
    (qos): Operation => ({
      name: `publish at QoS ${qos}`,
      sends: Publish,
      waits: true,
      call: (client, options) => client.publish("t", `${qos}`, { qos, ...options }),
    }),
  ),
  {
    name: 'publish at QoS 0 with `publishMode: "wait-for-flush"`',
    sends: Publish,
    waits: true,
    options: { publishMode: "wait-for-flush" },
    call: (client, options) => client.publish("t", "", options),
  },
  {
    name: 'publish at QoS 1 with `whenOffline: "wait"`',
    sends: Publish,
    waits: true,
    call: (client, options) => client.publish("t", "", { qos: 1, whenOffline: "wait", ...options }),
  },
  {
    name: "request at QoS 1",
    sends: Publish,
    waits: true,
    // The Response Topic is subscribed once; this is about the request.
    prepare: (client) =>
      client.state.status === "connected" ? client.request("t", "first", { qos: 1 }) : Promise.resolve(),
    call: (client, options) => client.request("t", "", { qos: 1, timeout: 20_000, ...options }),
  },
  { name: "subscribe", sends: Subscribe, waits: true, call: (client, options) => client.subscribe("f", options) },
  {
    name: 'subscribe with `whenOffline: "wait"`',
    sends: Subscribe,
    waits: true,
    call: (client, options) => client.subscribe("f", { whenOffline: "wait", ...options }),
  },
  {
    name: "unsubscribe",
    sends: Unsubscribe,
    waits: true,
    prepare: (client) => client.subscribeCallback("f", () => {}),
    call: (_client, options, prepared) => (prepared as CallbackSubscription).unsubscribe(options),
  },
  {
    name: "dequeue",
    waits: true,
    prepare: (client) => client.subscribeQueue("f"),
    call: (_client, options, prepared) => (prepared as MessageQueue).dequeue(options),
  },
  {
    name: "reauthenticate",
    sends: PacketType.Auth,
    waits: true,
    options: { authenticator: { method: "METHOD", begin: () => ({ respond: () => undefined }) } },
    call: (client, options) => client.reauthenticate(options),
  },
  { name: "disconnect", sends: PacketType.Disconnect, waits: false, call: (client) => client.disconnect() },
];

interface LifecycleEvent {
  readonly name: string;
  readonly options?: Partial<ClientOptions>;
  /** Whether it means anything for this operation. */
  applies?(operation: Operation): boolean;
  /** Makes the call, and lets the event happen. */
  happen(scene: Scene): Promise<void>;
  /** The broker has forgotten the session when it is reached again. */
  readonly sessionLost?: boolean;
}

const connectsNot = ({ connects }: Operation): boolean => connects !== true;
const sends = (operation: Operation): boolean => operation.sends !== undefined;
const onceConnected = (operation: Operation): boolean => connectsNot(operation) && sends(operation);
const asks = (operation: Operation): boolean => onceConnected(operation) && operation.waits;
const waits = ({ waits }: Operation): boolean => waits;

/** A call on a live connection, whose packet has arrived. */
async function inFlight(scene: Scene, options = {}): Promise<void> {
  if (connectsNot(scene.operation)) await scene.connect();
  scene.call(options);
  await scene.written();
}

const events: readonly LifecycleEvent[] = [
  {
    name: "called before the first connect",
    applies: connectsNot,
    async happen(scene) {
      await scene.early();
      scene.call();
    },
  },
  {
    name: "the first connect is refused for good (0x87)",
    applies: waits,
    async happen(scene) {
      await scene.early();
      if (connectsNot(scene.operation)) scene.client.connect().catch(() => {});
      scene.call();
      const connection = await scene.bench.peer.accept();
      await connection.expect(Connect);
      connection.send({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0x87 });
    },
  },
  {
    name: "called while the connection is lost",
    async happen(scene) {
      await scene.connect();
      scene.connection?.cut();
      await scene.bench.clock.settle();
      scene.call();
    },
  },
  {
    name: "the line is cut before its packet is written",
    applies: connectsNot,
    async happen(scene) {
      await scene.connect();
      scene.call();
      scene.connection?.cut();
    },
  },
  {
    name: "the line is cut after its packet was written",
    applies: sends,
    async happen(scene) {
      await inFlight(scene);
      scene.connection?.cut();
    },
  },
  {
    name: "the line is cut after PUBREC",
    applies: ({ name }) => name === "publish at QoS 2",
    async happen(scene) {
      await inFlight(scene);
      scene.connection?.send(pubrec(1));
      await scene.connection?.expect(PacketType.Pubrel);
      scene.connection?.cut();
    },
  },
  {
    name: "the broker sends DISCONNECT (0x8B)",
    applies: ({ waits }) => waits,
    async happen(scene) {
      await inFlight(scene);
      scene.connection?.send({ type: PacketType.Disconnect, reasonCode: 0x8b });
      scene.connection?.end();
    },
  },
  {
    name: 'the session is lost, `sessionLossPolicy: "republish"`',
    applies: asks,
    sessionLost: true,
    async happen(scene) {
      await inFlight(scene);
      scene.connection?.cut();
    },
  },
  {
    name: 'the session is lost, `sessionLossPolicy: "fail"`',
    applies: asks,
    options: { sessionLossPolicy: "fail" },
    sessionLost: true,
    async happen(scene) {
      await inFlight(scene);
      scene.connection?.cut();
    },
  },
  {
    name: "the broker refuses it (0x87)",
    applies: (operation) => asks(operation) && !operation.name.startsWith("publish at QoS 0"),
    async happen(scene) {
      await scene.connect();
      scene.call();
      const packet = (await scene.written()) as { packetId: number; qos?: number };
      const { packetId } = packet;
      const refusal = { type: PacketType.Disconnect, reasonCode: 0x87 } as const;
      if (scene.operation.sends === PacketType.Auth) scene.connection?.send(refusal);
      else if (scene.operation.sends === Subscribe) scene.connection?.send(suback(packetId, 0x87));
      else if (scene.operation.sends === Unsubscribe) scene.connection?.send(unsuback(packetId, 0x87));
      else scene.connection?.send(packet.qos === 2 ? pubrec(packetId, 0x87) : puback(packetId, 0x87));
    },
  },
  {
    name: "`onConnectionDown` returns false",
    applies: connectsNot,
    options: { onConnectionDown: () => false },
    async happen(scene) {
      await inFlight(scene);
      scene.connection?.cut();
    },
  },
  {
    name: "`disconnect()`",
    async happen(scene) {
      await inFlight(scene);
      void scene.client.disconnect();
      await scene.bench.clock.advance(2000);
    },
  },
  {
    name: "`disconnect()` while the connection is lost",
    applies: connectsNot,
    async happen(scene) {
      await scene.connect();
      scene.connection?.cut();
      await scene.bench.clock.settle();
      scene.call();
      await scene.bench.clock.run(scene.client.disconnect());
    },
  },
  {
    name: "dispose",
    async happen(scene) {
      await inFlight(scene);
      await scene.bench.clock.run(scene.client[Symbol.asyncDispose](), 5000);
    },
  },
  {
    name: "called with a signal that has aborted",
    applies: waits,
    async happen(scene) {
      if (connectsNot(scene.operation)) await scene.connect();
      scene.call({ signal: AbortSignal.abort() });
    },
  },
  {
    name: "aborted in flight",
    applies: waits,
    async happen(scene) {
      await inFlight(scene, { signal: scene.controller.signal });
      scene.controller.abort();
    },
  },
  {
    name: "times out in flight",
    applies: waits,
    async happen(scene) {
      await inFlight(scene, { timeout: 50 });
      await scene.bench.clock.advance(50);
    },
  },
  {
    name: "times out while the connection is lost",
    applies: (operation) => waits(operation) && connectsNot(operation),
    async happen(scene) {
      await scene.connect();
      scene.connection?.cut();
      await scene.bench.clock.settle();
      scene.call({ timeout: 50 });
      await scene.bench.clock.advance(50);
    },
  },
  {
    name: "called after `disconnect()`",
    async happen(scene) {
      await scene.connect();
      await scene.bench.clock.run(scene.client.disconnect());
      scene.call();
    },
  },
  {
    name: "called after dispose",
    async happen(scene) {
      await scene.connect();
      await scene.bench.clock.run(scene.client[Symbol.asyncDispose]());
      scene.call();
    },
  },
];

/** What becomes of the call: at once, and if that is nothing, when the broker is well again. */
async function outcome(operation: Operation, event: LifecycleEvent): Promise<string> {
  const scene = new Scene(operation, event.options);
  await event.happen(scene);
  await scene.bench.clock.settle();
  const first = scene.describe();
  await scene.mend(event.sessionLost !== true);
  const last = scene.describe();
  await scene.close();
  return first !== "goes on" || last === "goes on" ? first : `goes on, then ${last}`;
}

const path = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "docs", "outcomes.md");

const HEAD = `# What becomes of a call

Generated by \`packages/core/test/outcomes.test.ts\`, which makes each call, lets the event happen, and fails when the outcome is another
than the one below (\`UPDATE_DOCS=1\` rewrites this file). No call stays pending for ever: what goes on settles at the latest when the client is closed.

- **resolves**, or a \`CODE\`: at once.
- **goes on**: the event alone does not settle it; **then**: what it comes to when the broker is reached again and answers.
- **not-sent**: no connection was ever handed it, which is a guarantee. **unknown**: it was sent, and nothing more is known.
  **refused**: the broker said no. \`connect\`, \`connected\` and \`dequeue\` send nothing of yours and mostly have none of these.

\`subscribeQueue\`, \`subscribeCallback\` and \`respond\` behave like \`subscribe\`; the calls of \`client.typed(codec)\` like those they are named after.
`;

const sections = new Map<string, string[]>();

describe.each(operations.map((operation) => [operation.name, operation] as const))("%s", (name, operation) => {
  const rows: string[] = [];
  sections.set(name, rows);
  for (const event of events) {
    if (event.applies?.(operation) === false) continue;
    it(`settles: ${event.name}`, async () => {
      const found = await outcome(operation, event);
      rows.push(`| ${event.name} | ${found} |`);
      expect(found).toMatch(/^(resolves|goes on|`[A-Z_]+`)/);
    });
  }
});

it("the table in docs/outcomes.md is the one that was just found", () => {
  const tables = [...sections].map(
    ([name, rows]) => `\n## ${name}\n\n| event | outcome |\n| --- | --- |\n${rows.join("\n")}\n`,
  );
  const found = HEAD + tables.join("");
  if (process.env["UPDATE_DOCS"] === "1") {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, found);
  }
  expect(found).toBe(readFileSync(path, "utf8"));
});
