// SPDX-License-Identifier: Apache-2.0
import { expect, it } from "vitest";
import { runShard, SEEDS } from "./model-seeds.js";

it("the whole client and a model of a broker agree over 20,000 random runs, part 3 of 4 [parity 103]", {
  timeout: 600_000,
}, async () => {
  expect(await runShard(3)).toBe(SEEDS);
});
