// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import {
  isTopicFilter,
  isTopicName,
  matchTopic,
  parseSharedFilter,
  topicFilterProblem,
  topicNameProblem,
} from "../src/index.js";

describe("a topic name", () => {
  it.each(["a", "/", "/a", "a//b", "a/", "$SYS/x", "a b", "ä/€/😀", "\ufeffa", "x".repeat(65_535), "ä".repeat(32_767)])(
    "may be %j",
    (topic) => {
      expect(topicNameProblem(topic)).toBeUndefined();
      expect(isTopicName(topic)).toBe(true);
      expect(isTopicFilter(topic)).toBe(true);
    },
  );

  it.each([
    ["", "empty"],
    ["a/+", "wildcards"],
    ["#", "wildcards"],
    ["a\0b", "U+0000"],
    ["\ud800", "lone surrogate"],
    ["\udc00a", "lone surrogate"],
    ["x".repeat(65_536), "65535 bytes"],
    ["ä".repeat(32_768), "65535 bytes"],
  ])("[parity 14, 15] must not be %j [MQTT-4.7.0-1] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3]", (topic, problem) => {
    expect(topicNameProblem(topic)).toContain(problem);
    expect(isTopicName(topic)).toBe(false);
  });
});

describe("a topic filter", () => {
  it.each([
    "#",
    "a/#",
    "/#",
    "+",
    "+/a/#",
    "a/+/b",
    "/",
    "//",
    "a//b",
    "$SYS/+",
    "+/+/#",
    "/+",
    "$share/g/t",
    "$share/g//t",
    "$share/g/#",
    "$share/g/+",
    "$share",
  ])("[parity 18, 19] may be %s [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2]", (filter) => {
    expect(topicFilterProblem(filter)).toBeUndefined();
    expect(isTopicFilter(filter)).toBe(true);
  });

  it.each([
    ["", "empty"],
    ["a#", "whole level"],
    ["a/#/b", "last level"],
    ["#/", "last level"],
    ["##", "whole level"],
    ["a+", "whole level"],
    ["+a", "whole level"],
    ["a/+b", "whole level"],
    ["++", "whole level"],
    ["a\0", "U+0000"],
    ["$share/", "name the share"],
    ["$share//t", "name the share"],
    ["$share/g", "topic filter after"],
    ["$share/g/", "topic filter after"],
    ["$share/g+/t", "name of the share"],
    ["$share/g#/t", "name of the share"],
    ["$share/g/a#", "whole level"],
  ])(
    "[parity 18, 19] must not be %s [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2]",
    (filter, problem) => {
      expect(topicFilterProblem(filter)).toContain(problem);
      expect(isTopicFilter(filter)).toBe(false);
    },
  );

  it("has two parts if it is shared", () => {
    expect(parseSharedFilter("$share/g/a/+")).toEqual({ shareName: "g", filter: "a/+" });
    expect(parseSharedFilter("$share/g//")).toEqual({ shareName: "g", filter: "/" });
    expect(parseSharedFilter("a/b")).toBeUndefined();
    expect(parseSharedFilter("$share/g")).toBeUndefined();
  });
});

describe("matching", () => {
  it.each([
    ["a", "a"],
    ["a/b", "a/b"],
    ["#", "a"],
    ["#", "a/b/c"],
    ["#", "/"],
    ["a/#", "a"],
    ["a/#", "a/"],
    ["a/#", "a/b/c"],
    ["+", "a"],
    ["+/b", "a/b"],
    ["+/b", "/b"],
    ["/+", "/a"],
    ["/+", "/"],
    ["+/+", "/a"],
    ["a/+/c", "a/b/c"],
    ["a/+/c", "a//c"],
    ["+/#", "a"],
    ["a/+/#", "a/b"],
    ["$SYS/#", "$SYS/x"],
    ["$SYS/+", "$SYS/x"],
    ["$share/g/a/+", "a/b"],
    ["$share/g//a", "/a"],
    ["ä/+", "ä/😀"],
  ])("%s matches %s", (filter, topic) => {
    expect(matchTopic(filter, topic)).toBe(true);
  });

  it.each([
    ["a", "b"],
    ["a", "A"],
    ["a", "ab"],
    ["ab", "a"],
    ["a/b", "a"],
    ["a", "a/b"],
    ["a", "a/"],
    ["a/", "a"],
    ["+", "/a"],
    ["+", "a/b"],
    ["a/+", "a"],
    ["a/+", "a/b/c"],
    ["a/b/#", "a"],
    ["a/#", "ab"],
    ["#", "$SYS/x"],
    ["+/x", "$SYS/x"],
    ["$share/g/#", "$SYS/x"],
  ])("%s doesn't match %s [MQTT-4.7.2-1]", (filter, topic) => {
    expect(matchTopic(filter, topic)).toBe(false);
  });
});
