// SPDX-License-Identifier: Apache-2.0
// A CPU profile of the measured messages alone: without the start of the process and the warm-up, which --cpu-prof has in it.
import { readFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { selfTimes } from "../cost/profile.mjs";
import { stagesOf } from "../cost/stages.mjs";

/** Microseconds between two samples: a period that a loop over chunks of messages is not likely to fall in step with. */
const INTERVAL = 97;

/** CPU time of the thread that runs JavaScript, microseconds; undefined where the system does not tell. */
export function threadCpu() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]) / 1000;
  } catch {
    return undefined;
  }
}

/** Runs `work`, and resolves with the microseconds of each stage of it. */
export async function profiled(work) {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: INTERVAL });
  await session.post("Profiler.start");
  const thread = threadCpu();
  const cpu = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  const threadAfter = threadCpu();
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  return stagesOf(selfTimes(profile), thread === undefined ? user + system : threadAfter - thread);
}
