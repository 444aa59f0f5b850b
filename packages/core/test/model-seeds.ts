// SPDX-License-Identifier: Apache-2.0
import { ModelRun } from "./model-run.js";

/** Seeds of a shard. There are four, each a test file of its own, so that they run on several cores. */
export const SEEDS = 5000;
/** Seeds that run side by side, each on a clock of its own: a turn of the event loop then serves them all. */
const ABREAST = 16;

/**
 * Runs the seeds of a shard, 1 to 4, and gives how many passed. The first one that fails is named, with all that happened in
 * it; `MODEL_SEED=<seed>` runs it alone.
 */
export async function runShard(shard: number): Promise<number> {
  const only = process.env["MODEL_SEED"];
  if (only !== undefined) {
    if (Math.min(4, Math.ceil(Number(only) / SEEDS)) === shard) await replay(Number(only));
    return SEEDS;
  }
  const last = shard * SEEDS;
  let passed = 0;
  Error.stackTraceLimit = 0; // of the many thousands of errors that are expected
  for (let from = last - SEEDS + 1; from <= last; from += ABREAST) {
    const seeds = Array.from({ length: Math.min(ABREAST, last - from + 1) }, (_, index) => from + index);
    await Promise.all(seeds.map((seed) => new ModelRun(seed).run().catch((error: unknown) => explain(seed, error))));
    passed += seeds.length;
  }
  return passed;
}

async function explain(seed: number, error: unknown): Promise<never> {
  await replay(seed);
  throw new Error(`MODEL_SEED=${seed} failed, and not when it was run again: ${String(error)}`, { cause: error });
}

/** Runs one seed again, and tells what happened in it. */
async function replay(seed: number): Promise<void> {
  const lines: string[] = [];
  Error.stackTraceLimit = 10;
  try {
    await new ModelRun(seed, lines).run();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`MODEL_SEED=${seed}: ${text}\n${lines.join("\n")}`, { cause: error });
  }
}
