// SPDX-License-Identifier: Apache-2.0
import { matchTopic, parseSharedFilter } from "@mqttv5/wire";

/** What the parameters of a topic are called where the filter is not known to the compiler. */
export type AnyParameters = Readonly<Record<string, string | undefined>>;

/**
 * The parameters of a filter: `"sensors/{site}/+"` gives `{ readonly site: string }`, a filter without any an empty object,
 * and a string that is no literal gives {@link AnyParameters}.
 */
export type TopicParameters<Filter extends string> =
  // oxlint-disable-next-line typescript/no-generated-empty-object-type -- a record of all strings requires nothing
  Record<never, never> extends Record<Filter, 1>
    ? AnyParameters
    : { readonly [Name in NamesOf<Inner<Filter>>]: string };

type Inner<Filter extends string> = Filter extends `$share/${infer _}/${infer Rest}` ? Rest : Filter;

type NamesOf<Filter extends string> = Filter extends `${infer Level}/${infer Rest}`
  ? NameOf<Level> | NamesOf<Rest>
  : NameOf<Filter>;

type NameOf<Level extends string> = Level extends `{${infer Name}}` ? Name : never;

/** One `{name}` level of a filter. */
interface Parameter {
  readonly name: string;
  /** Which level of the topic has its value. */
  readonly level: number;
}

/** A filter as the broker knows it, and which of its levels have names. */
export interface TopicPattern {
  /** With `+` in place of each parameter. */
  readonly filter: string;
  /** In their order; empty if there are none. */
  readonly parameters: readonly Parameter[];
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const NO_PARAMETERS: readonly Parameter[] = [];
const NO_VALUES: AnyParameters = Object.freeze(Object.create(null) as AnyParameters);

/** Reads the `{name}` levels of a filter. `fail` is told what is wrong with a name, and throws. */
export function topicPattern(text: string, fail: (problem: string) => never): TopicPattern {
  if (!text.includes("{")) return { filter: text, parameters: NO_PARAMETERS };
  const levels = text.split("/");
  const first = levels[0] === "$share" ? 2 : 0; // the name of a share is no level of the topic
  const parameters: Parameter[] = [];
  for (let index = first; index < levels.length; index++) {
    const level = levels[index] as string;
    if (!level.startsWith("{") || !level.endsWith("}")) continue;
    const name = level.slice(1, -1);
    if (!NAME.test(name)) {
      fail(
        `${level} must be a name of letters, digits and _, not beginning with a digit, or literal with params: false`,
      );
    }
    if (parameters.some((known) => known.name === name)) fail(`${level} must not come twice`);
    parameters.push({ name, level: index - first });
    levels[index] = "+";
  }
  return { filter: levels.join("/"), parameters };
}

/** The values that a topic has for the first of these filters, in their order, that matches it. Without a prototype. */
export function parametersOf(patterns: readonly TopicPattern[], topic: string): AnyParameters {
  for (const { filter, parameters } of patterns) {
    if (patterns.length > 1 && !matchTopic(parseSharedFilter(filter)?.filter ?? filter, topic)) continue;
    if (parameters.length === 0) return NO_VALUES;
    const levels = topic.split("/");
    const values = Object.create(null) as Record<string, string | undefined>;
    for (const { name, level } of parameters) values[name] = levels[level];
    return values;
  }
  return NO_VALUES;
}
