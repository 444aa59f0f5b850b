// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, test } from "vitest";
import { aliases } from "./parts/aliases.js";
import { authentication } from "./parts/authentication.js";
import { connect } from "./parts/connect.js";
import { delivery } from "./parts/delivery.js";
import { interruptions } from "./parts/interruptions.js";
import { limits } from "./parts/limits.js";
import { payloads } from "./parts/payloads.js";
import { redirects } from "./parts/redirects.js";
import { retained } from "./parts/retained.js";
import { sessions } from "./parts/sessions.js";
import { soak } from "./parts/soak.js";
import { subscriptions } from "./parts/subscriptions.js";
import { time } from "./parts/time.js";
import { wildcards } from "./parts/wildcards.js";
import { wills } from "./parts/wills.js";
import { Stage } from "./stage.js";
import type { Feature, RunningBroker, Target } from "./target.js";

declare module "vitest" {
  interface TaskMeta {
    /** Why the test was skipped; the summary of all tests says it. */
    skipped?: string;
  }
}

/** One test of the suite: what must hold, how it is seen, and what a broker must have for it. */
export type Check = (title: string, prove: (stage: Stage) => Promise<void>, needs?: Feature) => void;

const parts = {
  connect,
  authentication,
  redirects,
  limits,
  delivery,
  payloads,
  aliases,
  wildcards,
  subscriptions,
  retained,
  sessions,
  interruptions,
  soak,
  wills,
};

const TIMEOUT = 30_000;

/** The whole suite against one broker. What can't be run is skipped, and says why. */
export function conformance(target: Target): void {
  const { absent } = target;
  describe(absent === undefined ? target.name : `${target.name} (skipped: ${absent})`, () => {
    let broker: RunningBroker;
    let number = 0;
    if (absent === undefined) {
      beforeAll(async () => {
        broker = await target.start();
      });
      afterAll(() => broker?.stop());
    }
    const checker =
      (run: typeof test | typeof test.concurrent): Check =>
      (title, prove, needs) => {
        const reason = absent ?? (needs === undefined ? undefined : target.lacks[needs]);
        if (reason !== undefined) {
          // Where the whole suite is skipped, its title has the reason.
          const said = absent === undefined ? `${title} (skipped: ${reason})` : title;
          test.skip(said, { meta: absent === undefined ? { skipped: reason } : {} }, () => {});
          return;
        }
        run(title, { timeout: TIMEOUT }, async () => {
          const stage = new Stage(broker, ++number);
          try {
            await prove(stage);
          } finally {
            await stage.clear();
          }
        });
      };
    const worthIt = (name: string): boolean => target.parts?.includes(name) ?? true;
    for (const [name, part] of Object.entries(parts)) if (worthIt(name)) describe(name, () => part(checker(test)));
    if (worthIt("time")) describe("time", () => time(checker(test.concurrent)));
  });
}
