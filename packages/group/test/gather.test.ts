// SPDX-License-Identifier: Apache-2.0
import { expect, it } from "vitest";
import { gather } from "../src/gather.js";
import { Member } from "../src/member.js";
import { GroupBench } from "./bench.js";

it("what waits for members leaves nothing behind at them", async () => {
  const bench = new GroupBench();
  const group = await bench.connect();
  let followers = 0;
  const members = [...group.members].map(([name, client]) => {
    const member = new Member(name, client, "reject");
    const follow = member.follow.bind(member);
    member.follow = (follower) => {
      followers++;
      const unfollow = follow(follower);
      return () => {
        followers--;
        unfollow();
      };
    };
    return member;
  });
  const gathering = gather<void>({
    members,
    needed: 1,
    waitsFor: ({ connected }) => connected,
    run: ({ name }) => (name === "apac" ? new Promise(() => {}) : Promise.resolve()),
  });
  await bench.clock.settle();
  expect(followers).toBe(3);
  await bench.kill("apac");
  expect((await gathering).map(({ status }) => status)).toEqual(["fulfilled", "pending", "fulfilled"]);
  expect(followers).toBe(0);
  await bench.end(group);
});
