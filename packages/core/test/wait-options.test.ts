// SPDX-License-Identifier: Apache-2.0
// What every call that waits makes of a `signal` or a `timeout` that is none.
import { describe, expect, it } from "vitest";
import type { CallbackSubscription, Client, MessageQueue, Typed, WaitOptions } from "../src/index.js";
import { connack, METHOD, TestAuthenticator } from "./auth-bench.js";
import { Bench, follow, grant } from "./bench.js";

interface Prepared {
  readonly client: Client;
  readonly typed: Typed<string>;
  readonly queue: MessageQueue;
  readonly handled: CallbackSubscription;
}

/** Every call that takes a signal and a timeout. */
const CALLS: readonly (readonly [string, (prepared: Prepared, options: WaitOptions) => Promise<unknown>])[] = [
  ["connect", ({ client }, options) => client.connect(options)],
  ["connected", ({ client }, options) => client.connected(options)],
  ["reauthenticate", ({ client }, options) => client.reauthenticate(options)],
  ["publish at QoS 0", ({ client }, options) => client.publish("t", "", options)],
  ["publish at QoS 1", ({ client }, options) => client.publish("t", "", { qos: 1, ...options })],
  ["request", ({ client }, options) => client.request("t", "", options)],
  ["respond", ({ client }, options) => client.respond("t", () => undefined, options)],
  ["subscribe", ({ client }, options) => client.subscribe("t", options)],
  ["subscribeQueue", ({ client }, options) => client.subscribeQueue("t", options)],
  ["subscribeCallback", ({ client }, options) => client.subscribeCallback("t", () => {}, options)],
  ["unsubscribe", ({ handled }, options) => handled.unsubscribe(options)],
  ["dequeue", ({ queue }, options) => queue.dequeue(options)],
  ["typed publish", ({ typed }, options) => typed.publish("t", "", options)],
  ["typed request", ({ typed }, options) => typed.request("t", "", options)],
  ["typed respond", ({ typed }, options) => typed.respond("t", () => undefined, options)],
  ["typed subscribe", ({ typed }, options) => typed.subscribe("t", options)],
  ["typed subscribeQueue", ({ typed }, options) => typed.subscribeQueue("t", options)],
  ["typed subscribeCallback", ({ typed }, options) => typed.subscribeCallback("t", () => {}, options)],
];

/** What is no signal, from what it is at first sight to what only lacks `aborted`. */
const NO_SIGNALS: readonly unknown[] = [5, "stop", true, null, {}, new AbortController(), new EventTarget()];

async function prepare(bench: Bench, connected: boolean): Promise<Prepared> {
  const client = bench.client({ authenticator: new TestAuthenticator() });
  const typed = client.typed<string>({ encode: () => new Uint8Array(), decode: () => "" });
  const queue = await client.subscribeQueue("q");
  const handled = await client.subscribeCallback("h", () => {});
  if (!connected) return { client, typed, queue, handled };
  const connecting = client.connect();
  const { sessionPresent, properties } = connack("", METHOD);
  const connection = await bench.peer.acceptConnect({ connack: { sessionPresent, properties } });
  await bench.clock.run(connecting);
  await grant(connection);
  await grant(connection);
  await bench.clock.settle();
  return { client, typed, queue, handled };
}

describe("a call that waits", () => {
  for (const connected of [false, true]) {
    const when = connected ? "on a connection" : "before the first connect";
    it.each(CALLS)(`names a signal that is none, ${when}: %s`, async (_name, call) => {
      const bench = new Bench();
      const prepared = await prepare(bench, connected);
      const { status } = prepared.client.state;
      for (const signal of NO_SIGNALS) {
        const outcome = follow(call(prepared, { signal: signal as AbortSignal }));
        await bench.clock.settle();
        expect(outcome.error).toMatchObject({
          name: "InvalidArgumentError",
          code: "INVALID_FIELD",
          field: "signal",
          value: signal,
          delivery: "not-sent",
        });
      }
      expect(prepared.client.state.status).toBe(status); // nothing was begun
      await bench.end(prepared.client);
    });

    it.each(CALLS)(`names a timeout that is none, ${when}: %s`, async (_name, call) => {
      const bench = new Bench();
      const prepared = await prepare(bench, connected);
      for (const timeout of [-1, Number.NaN, Infinity, "1", null, {}]) {
        const outcome = follow(call(prepared, { timeout: timeout as number }));
        await bench.clock.settle();
        expect(outcome.error).toMatchObject({ name: "InvalidArgumentError", field: "timeout", value: timeout });
      }
      await bench.end(prepared.client);
    });
  }

  it("takes the signal of another realm, or of a polyfill, by its shape", async () => {
    const bench = new Bench();
    const { client, queue } = await prepare(bench, true);
    const listeners = new Set<() => void>();
    const signal = {
      aborted: false,
      reason: "enough",
      addEventListener: (_type: string, listener: () => void) => listeners.add(listener),
      removeEventListener: (_type: string, listener: () => void) => listeners.delete(listener),
    };
    const waiting = follow(queue.dequeue({ signal: signal as never }));
    await bench.clock.settle();
    for (const listener of listeners) listener();
    await bench.clock.settle();
    expect(waiting.error).toMatchObject({ code: "ABORTED", cause: "enough" });
    expect(listeners.size).toBe(0);
    await bench.end(client);
  });
});
