// SPDX-License-Identifier: Apache-2.0
import { expect, it } from "vitest";
import { Bench, codeOf, follow } from "./bench.js";
import { MemorySessionStore } from "../src/index.js";

it("a disconnect ends a connect whichever moment it falls on, while its store is read and after", async () => {
  for (let moment = 0; moment < 60; moment++) {
    const bench = new Bench();
    const client = bench.client({ store: new MemorySessionStore(), sessionExpiryInterval: 60 });
    const connecting = follow(client.connect());
    for (let turns = 0; turns < moment; turns++) await Promise.resolve();
    const leaving = follow(client.disconnect());
    await bench.clock.settle();
    expect([moment, codeOf(connecting.error), leaving.status, client.state.status]).toEqual([
      moment,
      "CLOSED",
      "resolved",
      "closed",
    ]);
    expect(bench.clock.pending).toBe(0);
  }
});
