// SPDX-License-Identifier: Apache-2.0
import { type SessionStore as Structural, sessionStoreContract } from "@mqttv5/testing";
import { describe, expect, expectTypeOf, it, test } from "vitest";
import { MemorySessionStore, type SessionStore } from "../src/index.js";

describe("MemorySessionStore keeps the contract of session stores", () => {
  const checks = sessionStoreContract({
    open: () => new MemorySessionStore(),
    reopen: (closed) => closed.reopened(),
  });
  for (const { name, run } of checks) {
    it(name, async () => {
      await expect(run()).resolves.toBeUndefined();
    });
  }
});

test("the contract's store and the client's are the same", () => {
  expectTypeOf<Structural>().toEqualTypeOf<SessionStore>();
});

describe("the contract finds", () => {
  const faulty: [string, string, (store: MemorySessionStore) => void][] = [
    ["RoundTrip", "a lost put", (store) => Object.assign(store, { put: () => undefined })],
    ["Delete", "a delete that does nothing", (store) => Object.assign(store, { delete: () => undefined })],
    ["Reset", "a reset that does nothing", (store) => Object.assign(store, { reset: () => undefined })],
    ["Meta", "meta that is forgotten", (store) => Object.assign(store, { setMeta: () => undefined })],
    ["ClosedStoreFails", "a store that works on", (store) => Object.assign(store, { close: () => undefined })],
  ];

  for (const [name, fault, damage] of faulty) {
    it(fault, async () => {
      const open = (): MemorySessionStore => {
        const store = new MemorySessionStore();
        damage(store);
        return store;
      };
      const check = sessionStoreContract({ open, reopen: open }).find((one) => one.name === name);
      await expect(check?.run()).rejects.toThrow(/expected|did not fail/);
    });
  }
});
