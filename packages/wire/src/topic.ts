// SPDX-License-Identifier: Apache-2.0
import { isWellFormed, maximumTextBytes, utf8Length } from "./utf8.js";

const slash = 0x2f;
const plus = 0x2b;
const hash = 0x23;
const dollar = 0x24;
const sharePrefix = "$share/";

/** Why a string is not a valid Topic Name, in words to put after "the topic"; `undefined` if it is one. Section 4.7. */
export function topicNameProblem(topic: string): string | undefined {
  if (hasWildcard(topic)) return "must not contain the wildcards + and #"; // [MQTT-4.7.0-1]
  return textProblem(topic);
}

/** Whether a string contains '+' or '#'. */
export function hasWildcard(text: string): boolean {
  return text.includes("+") || text.includes("#");
}

/** Why a string is not a valid Topic Filter, in words; `undefined` if it is one. Sections 4.7 and 4.8.2. */
export function topicFilterProblem(filter: string): string | undefined {
  const problem = textProblem(filter);
  if (problem !== undefined) return problem;
  if (!filter.startsWith(sharePrefix)) return wildcardProblem(filter);
  const end = filter.indexOf("/", sharePrefix.length);
  const name = filter.slice(sharePrefix.length, end < 0 ? undefined : end);
  if (name === "") return "must name the share after $share/"; // [MQTT-4.8.2-1]
  if (hasWildcard(name)) return "must not have wildcards in the name of the share"; // [MQTT-4.8.2-2]
  if (end < 0 || end === filter.length - 1) return "must have a topic filter after the name of the share";
  return wildcardProblem(filter.slice(end + 1));
}

function textProblem(text: string): string | undefined {
  if (text === "") return "must not be empty"; // [MQTT-4.7.3-1]
  if (text.includes("\0")) return "must not contain U+0000"; // [MQTT-4.7.3-2]
  if (!isWellFormed(text)) return "must not contain a lone surrogate";
  if (utf8Length(text) > maximumTextBytes) return `must not be longer than ${maximumTextBytes} bytes`; // [MQTT-4.7.3-3]
  return undefined;
}

function wildcardProblem(filter: string): string | undefined {
  for (let i = 0; i < filter.length; i++) {
    const unit = filter.charCodeAt(i);
    if (unit !== plus && unit !== hash) continue;
    const last = i === filter.length - 1;
    const alone = (i === 0 || filter.charCodeAt(i - 1) === slash) && (last || filter.charCodeAt(i + 1) === slash);
    if (!alone) return `must use ${unit === plus ? "+" : "#"} as a whole level only`; // [MQTT-4.7.1-2]
    if (unit === hash && !last) return "must use # as the last level only"; // [MQTT-4.7.1-1]
  }
  return undefined;
}

/** Whether a string is a valid Topic Name: not empty, no wildcards, well-formed, at most 65,535 bytes. Section 4.7. */
export function isTopicName(topic: string): boolean {
  return topicNameProblem(topic) === undefined;
}

/** Whether a string is a valid Topic Filter, shared ones included. Sections 4.7 and 4.8.2. */
export function isTopicFilter(filter: string): boolean {
  return topicFilterProblem(filter) === undefined;
}

/** The two parts of a valid shared filter, `$share/{shareName}/{filter}`; `undefined` for any other string. Section 4.8.2. */
export function parseSharedFilter(filter: string): { shareName: string; filter: string } | undefined {
  if (!filter.startsWith(sharePrefix) || !isTopicFilter(filter)) return undefined;
  const end = filter.indexOf("/", sharePrefix.length);
  return { shareName: filter.slice(sharePrefix.length, end), filter: filter.slice(end + 1) };
}

/**
 * Whether a Topic Name matches a Topic Filter; both must be valid. A shared filter matches what its inner filter does. A filter
 * that begins with a wildcard doesn't match a topic that begins with `$`. Allocates nothing. Section 4.7.
 */
export function matchTopic(filter: string, topic: string): boolean {
  let f = filter.startsWith(sharePrefix) ? filter.indexOf("/", sharePrefix.length) + 1 : 0;
  let t = 0;
  const filterEnd = filter.length;
  const topicEnd = topic.length;
  const first = filter.charCodeAt(f);
  if ((first === plus || first === hash) && topic.charCodeAt(0) === dollar) return false; // [MQTT-4.7.2-1]
  while (f < filterEnd) {
    const unit = filter.charCodeAt(f);
    if (unit === hash) return true;
    if (unit === plus) {
      while (t < topicEnd && topic.charCodeAt(t) !== slash) t++;
    } else {
      if (t === topicEnd) return unit === slash && filter.charCodeAt(f + 1) === hash; // a/# matches a
      if (topic.charCodeAt(t) !== unit) return false;
      t++;
    }
    f++;
  }
  return t === topicEnd;
}
