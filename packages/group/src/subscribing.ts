// SPDX-License-Identifier: Apache-2.0
import type {
  CallbackSubscription,
  Clock,
  DropReason,
  Filters,
  Logger,
  Message,
  MessageQueue,
  MqttError,
  ParametersOf,
  SubscribeCallbackOptions,
  SubscribeOptions,
} from "@mqttv5/core";
import { CallBounds, checkWait } from "./deadline.js";
import { gather } from "./gather.js";
import { failure, GroupError, type MemberResult, successes } from "./group-error.js";
import { GroupMessage } from "./group-message.js";
import type { Member } from "./member.js";
import { Merge } from "./merge.js";
import { type Part, Parts, type PartsReader } from "./parts.js";
import { type GroupSuccess, needed } from "./success.js";

/** How to subscribe with a group: as with a client, at every member. `bufferSize` and the like hold for each. */
export interface GroupSubscribeOptions extends Omit<SubscribeOptions, "onDrop"> {
  /** How many members must grant it. Default: the group's `success`, else `all`. */
  readonly success?: GroupSuccess | undefined;
  /** A message is dropped; it can be read, and is acked afterwards. Must not block. */
  readonly onDrop?: ((message: GroupMessage, reason: DropReason) => void) | undefined;
}

/** How to subscribe with a handler. `concurrency` holds for each member. */
export interface GroupSubscribeCallbackOptions
  extends GroupSubscribeOptions,
    Pick<SubscribeCallbackOptions, "concurrency" | "zeroCopy"> {}

/** What handles messages of a group: acked when it returns, or when its promise resolves. */
export type GroupMessageHandler<Params = Record<string, string | undefined>> = (
  message: GroupMessage<Params>,
) => void | PromiseLike<void>;

/** What subscribing needs of the group. */
export interface SubscribingGroup {
  readonly members: readonly Member[];
  readonly success: GroupSuccess;
  readonly sequential: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Subscribes at every member, and merges what comes. */
export async function subscribeMerged<F extends Filters>(
  group: SubscribingGroup,
  filters: F,
  options: GroupSubscribeOptions,
): Promise<{ readonly parts: Parts<Part>; readonly merge: Merge<ParametersOf<F>> }> {
  const merge = new Merge<ParametersOf<F>>(
    group.clock,
    (message) => report(group.logger, options.onDrop, message, "unsubscribed"),
    (errors) => ended(errors),
  );
  const reader: PartsReader<MessageQueue<ParametersOf<F>>> = {
    joined: (member, queue) => merge.add(member, queue),
    complete: () => merge.seal(),
    left: () => merge.leave(),
  };
  const parts = await subscribeAll(
    group,
    options,
    ({ client }, own) => client.subscribeQueue(filters, own) as Promise<MessageQueue<ParametersOf<F>>>,
    reader,
  );
  return { parts, merge };
}

/** Subscribes at every member, with one handler. */
export function subscribeHandler<F extends Filters>(
  group: SubscribingGroup,
  filters: F,
  handler: GroupMessageHandler<ParametersOf<F>>,
  options: GroupSubscribeCallbackOptions,
): Promise<Parts<CallbackSubscription>> {
  checkWait(options);
  const { concurrency, zeroCopy } = options;
  return subscribeAll(group, options, ({ client, name }, own) => {
    const handle =
      typeof handler === "function"
        ? (message: Message<ParametersOf<F>>) => handler(new GroupMessage(name, message))
        : handler; // the client says what is wrong
    return client.subscribeCallback(filters, handle, { ...own, concurrency, zeroCopy });
  });
}

/** All or so many as are needed; what too few members granted is taken back. */
async function subscribeAll<P extends Part>(
  group: SubscribingGroup,
  options: GroupSubscribeOptions,
  subscribe: (member: Member, own: SubscribeOptions) => Promise<P>,
  reader?: PartsReader<P>,
): Promise<Parts<P>> {
  const { members, sequential, clock, logger } = group;
  checkWait(options);
  const { success = group.success, onDrop, timeout, ...rest } = options;
  const need = needed("success", success, members.length);
  // A signal ends the subscription whenever it aborts; a timeout ends the call, and no member that is added later.
  const bounds = timeout === undefined ? undefined : new CallBounds(clock, options);
  const results = await gather({
    members,
    needed: need,
    sequential,
    waitsFor: ({ connected }) => connected,
    run: async (member) => {
      const signal = bounds?.signal ?? options.signal;
      try {
        return await subscribe(member, { ...rest, signal, onDrop: dropper(logger, member.name, onDrop) });
      } catch (error) {
        throw CallBounds.errorOf(error);
      }
    },
  });
  bounds?.inTime();
  const aborted = options.signal?.aborted === true && results.some(({ status }) => status !== "fulfilled");
  if (successes(results) >= need && !aborted) {
    const parts = new Parts(results, members, logger, reader);
    if (bounds !== undefined) void parts.closed.then(() => bounds.over());
    return parts;
  }
  bounds?.over();
  for (const result of results) giveBack(result);
  throw failure("subscribe", need, results);
}

/** Also what comes too late. */
function giveBack(result: MemberResult<Part>): void {
  if (result.status === "fulfilled") void result.value[Symbol.asyncDispose]();
  else if (result.status === "pending") void result.outcome.then(giveBack);
}

/** The hook of one member. What is no function is left to the client to refuse. */
function dropper(logger: Logger, member: string, onDrop: GroupSubscribeOptions["onDrop"]): SubscribeOptions["onDrop"] {
  if (typeof onDrop !== "function") return onDrop;
  return (message, reason) => report(logger, onDrop, new GroupMessage(member, message), reason);
}

function report<Params>(
  logger: Logger,
  onDrop: GroupSubscribeOptions["onDrop"],
  message: GroupMessage<Params>,
  reason: DropReason,
): void {
  try {
    onDrop?.(message as GroupMessage, reason);
  } catch (error) {
    logger.error?.("onDrop threw", error);
  }
}

/** Every member's subscription was refused or has failed. */
function ended(errors: ReadonlyMap<string, MqttError>): GroupError {
  const results = [...errors].map(([member, error]) => ({ member, status: "rejected", error }) as const);
  return new GroupError("subscribe", 1, results);
}
