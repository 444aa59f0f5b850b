// SPDX-License-Identifier: Apache-2.0
import { Client, type ClientOptions, InvalidArgumentError, type Logger } from "@mqttv5/core";
import { Member } from "./member.js";
import type { GroupSuccess } from "./success.js";

/** Which members a message is published to: all, one after the other, or always the same for the same topic. */
export type PublishPolicy = "broadcast" | "round-robin" | "hash-by-topic";

/** One member: the options of a client, with a `broker` (or `brokers` that share their sessions) of its own. */
export interface GroupMember extends ClientOptions {
  /** What results, errors and log lines call it; unique. Default `member-1`, `member-2`, … by its place in the list. */
  readonly name?: string | undefined;
}

/** What every member starts from. A broker and a store belong to one member. */
export type SharedOptions = Omit<ClientOptions, "broker" | "brokers" | "store">;

/** How a group works. */
export interface GroupOptions {
  /**
   * Options of every member; what a member says itself wins. Its `clock` is the group's own, its `logger` too, where the lines of a
   * member start with its name. Default none.
   */
  readonly shared?: SharedOptions | undefined;
  /**
   * Where a publish goes. `broadcast` (default): to every member at once. `round-robin`: to the next member that has a connection.
   * `hash-by-topic`: to the member that the topic's FNV-1a hash picks. The last two publish once, and go on to another member only
   * if the message was certainly not sent.
   */
  readonly policy?: PublishPolicy | undefined;
  /**
   * How many members must succeed: `all`, `any` or `{ quorum: n }`, for `connect`, `subscribe` and a broadcast `publish`; each call may say
   * otherwise. Default: `any` for a publish, because members fail one by one; `all` for the others, because a member that is missing from the
   * start is seen by nobody later.
   */
  readonly success?: GroupSuccess | undefined;
  /** Connect, subscribe and disconnect one member after the other, in the order given. Default false: all at once. */
  readonly sequential?: boolean | undefined;
}

const OF_ONE_MEMBER = ["broker", "brokers", "store", "name"] as const;

/** Makes the members, which checks all their options; opens nothing. The error names the member's option that is wrong. */
export function makeMembers(list: readonly GroupMember[], shared: SharedOptions): Member[] {
  if (!Array.isArray(list)) throw invalid("members", list, "must be an array");
  if (list.length === 0) throw invalid("members", list, "needs at least one member");
  checkShared(shared);
  const names = new Set<string>();
  const clientIds = new Set<string>();
  return list.map((member: GroupMember, index) => {
    const place = `members[${index}]`;
    if (typeof member !== "object" || member === null) throw invalid(place, member, "must be an object");
    const name = member.name ?? `member-${index + 1}`;
    if (typeof name !== "string" || name === "")
      throw invalid(`${place}.name`, name, "must be a string that says something");
    if (names.has(name)) throw invalid(`${place}.name`, name, "must differ from the names of the other members");
    names.add(name);
    const options = optionsOf(member, shared, name, clientIds);
    try {
      return new Member(name, new Client(options), options.whenOffline ?? "reject");
    } catch (error) {
      throw placed(error, place, member);
    }
  });
}

/** What a client of this member is made from. */
function optionsOf(member: GroupMember, shared: SharedOptions, name: string, clientIds: Set<string>): ClientOptions {
  const { name: _, ...said } = member;
  const own = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) as ClientOptions;
  const options: ClientOptions = { ...shared, ...own };
  const clientId = distinct(options.clientId, clientIds);
  const logger = own.logger ?? named(shared.logger, name);
  return {
    ...options,
    ...(clientId === undefined ? {} : { clientId }),
    ...(logger === undefined ? {} : { logger }),
  };
}

function checkShared(shared: SharedOptions): void {
  if (typeof shared !== "object" || shared === null) throw invalid("shared", shared, "must be an object");
  for (const field of OF_ONE_MEMBER) {
    const value = (shared as GroupMember)[field];
    if (value !== undefined) throw invalid(`shared.${field}`, value, "belongs to one member: leave it out here");
  }
}

/** A Client Identifier that an earlier member has becomes `<id>-2`, `<id>-3`, …: members may end up at one cluster. */
function distinct(clientId: string | undefined, taken: Set<string>): string | undefined {
  if (typeof clientId !== "string" || clientId === "") return clientId;
  let id = clientId;
  for (let n = 2; taken.has(id); n++) id = `${clientId}-${n}`;
  taken.add(id);
  return id;
}

/** The shared logger, for one member. What is none is left to the client to refuse. */
function named(logger: Logger | undefined, name: string): Logger | undefined {
  if (typeof logger !== "object" || logger === null) return logger;
  const level = (which: keyof Logger) => (message: string, details?: unknown) =>
    logger[which]?.(`${name}: ${message}`, details);
  return { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
}

/** The same error, which says where the option stands. */
function placed(error: unknown, place: string, member: GroupMember): unknown {
  if (!(error instanceof InvalidArgumentError)) return error;
  const { code, field, value, limit } = error;
  const [option = field] = field.split(/[.[]/);
  const own = (member as Readonly<Record<string, unknown>>)[option] !== undefined;
  const where = own || option === "broker" || option === "brokers" ? place : "shared";
  return new InvalidArgumentError(code, `${where}.${field}`, value, limit, error);
}

export function invalid(field: string, value: unknown, limit: string): InvalidArgumentError {
  return new InvalidArgumentError("INVALID_FIELD", field, value, limit);
}
