// SPDX-License-Identifier: Apache-2.0
import { expect } from "vitest";
import { type Stage, takeUntil, texts } from "../stage.js";
import type { Check } from "../suite.js";

/** Filter, topics that match it, topics that do not; all below the root of the test. */
type Row = readonly [filter: string, matching: readonly string[], others: readonly string[]];

const plain: readonly Row[] = [
  ["a/b", ["a/b"], ["a", "a/b/c", "a/B"]],
  ["a/+", ["a/b", "a/c"], ["a", "a/b/c"]],
  ["a/+/c", ["a/b/c", "a/c/c"], ["a/c", "a/b/b/c", "a/b/c/d"]],
  ["+/+", ["a/b", "b/c"], ["a", "a/b/c"]],
  ["+/b/#", ["a/b", "a/b/c", "a/b/c/d"], ["a", "b", "a/c/b"]],
  ["a/#", ["a", "a/b", "a/b/c"], ["ab", "b/a", "A"]],
  ["#", ["a", "a/b", "a b", "\u00fc/\u{1f30d}"], []],
  ["a b/\u00fc", ["a b/\u00fc"], ["a b/u", "ab/\u00fc", "a b/u\u0308"]], // no normalization [MQTT-4.7.3-4]
];

/** A level may be empty, and a wildcard matches that as well. */
const empty: readonly Row[] = [
  ["a/b", ["a/b"], ["a/b/", "/a/b", "a//b"]],
  ["a/+", ["a/b", "a/"], ["a", "a//"]],
  ["a/+/c", ["a//c"], ["a/c", "a///c"]],
  ["+/+", ["a/b", "/b", "a/", "/"], ["a", "//"]],
  ["a/#", ["a/", "a//", "a//b"], ["/a"]],
  ["/", ["/"], ["", "//"]],
];

/** Which topics a filter matches (section 4.7). */
export function wildcards(check: Check): void {
  for (const row of plain) check(titleOf(row), (stage) => proveRow(stage, row));
  for (const row of empty) {
    const needs = row[0].includes("+") ? "empty levels for +" : undefined;
    check(`${titleOf(row)} (empty levels)`, (stage) => proveRow(stage, row), needs);
  }

  check(
    "a filter that begins with a wildcard matches no topic that begins with $ [MQTT-4.7.2-1]",
    async (stage) => {
      const [publisher, all, some] = [await stage.client(), await stage.client(), await stage.client()];
      const options = { qos: 1, retainHandling: 2 } as const;
      const everything = await all.subscribeQueue(["#", `+/${stage.root}/#`], options);
      const hidden = await some.subscribeQueue(`$private/${stage.root}/#`, options);
      await publisher.publish(`$private/${stage.root}/a`, "secret", { qos: 1 });
      for (const topic of [`public/${stage.root}/a`, `$private/${stage.root}/a`]) {
        await publisher.publish(topic, "end", { qos: 1 });
      }
      await publisher.publish(stage.topic("end"), "last", { qos: 1 });
      expect(texts(await takeUntil(hidden, "end"))).toEqual(["secret"]);
      const seen = await takeUntil(everything, "last");
      expect(seen.some(({ topic }) => topic === `public/${stage.root}/a`)).toBe(true);
      // Neither handed out nor sent by the broker, which may send one copy for each of the two filters.
      expect(seen.every(({ topic }) => !topic.startsWith("$"))).toBe(true);
      expect(all.stats().inboundPublishes).toBeLessThanOrEqual(3);
    },
    "topics that begin with $",
  );
}

function titleOf([filter, matching, others]: Row): string {
  const list = (topics: readonly string[]): string => topics.map((topic) => JSON.stringify(topic)).join(" ");
  return `the filter ${filter} matches ${list(matching)}${others.length > 0 ? ` and not ${list(others)}` : ""}`;
}

async function proveRow(stage: Stage, [filter, matching, others]: Row): Promise<void> {
  const [publisher, subscriber] = [await stage.client(), await stage.client()];
  const queue = await subscriber.subscribeQueue(stage.topic(filter), { qos: 1 });
  const end = `${stage.root}-end`;
  const ends = await subscriber.subscribeQueue(end, { qos: 1 });
  for (const topic of [...others, ...matching]) await publisher.publish(stage.topic(topic), topic, { qos: 1 });
  await publisher.publish(end, "end", { qos: 1 });
  await takeUntil(ends, "end");
  const received: string[] = [];
  for (let message = queue.tryDequeue(); message !== undefined; message = queue.tryDequeue()) {
    message.ack();
    expect(message.topic).toBe(stage.topic(message.text()));
    received.push(message.text());
  }
  expect(received).toEqual(matching);
  expect(subscriber.stats().inboundPublishes).toBe(matching.length + 1); // the broker sent no more than that
}
