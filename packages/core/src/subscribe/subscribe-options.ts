// SPDX-License-Identifier: Apache-2.0
import { bound, callable, flag, oneOf, waiting } from "../check.js";
import type { Clock } from "../clock.js";
import type { DropReason, InboxSettings, Overflow } from "./inbox.js";
import type { Logger } from "../logger.js";
import type { Message } from "../message.js";
import { type WhenOffline, whenOffline } from "../publish-options.js";
import type { DeliveryOptions } from "./topic-filter.js";

/** How to subscribe. The delivery options hold for every filter that does not say otherwise. */
export interface SubscribeOptions extends DeliveryOptions {
  /**
   * What to drop when the buffer is full. `hold` (default): the newest at QoS 0, nothing at QoS 1/2, where the broker waits for
   * acks; `drop-newest`, `drop-oldest`: at every QoS, acked. `pause` drops nothing: the whole client stops reading until there is
   * room, except while it waits for an answer itself; what is read meanwhile is kept, up to `maximumBufferedBytes`.
   */
  readonly overflow?: Overflow | undefined;
  /** Messages that may wait for the consumer. Default 65,536: one read of the link may bring thousands of small ones. */
  readonly bufferSize?: number | undefined;
  /** Ack on arrival, before the consumer has the message: a crash then loses it. Default false. */
  readonly autoAck?: boolean | undefined;
  /** A message is dropped; it can be read, and is acked afterwards. Must not block. */
  readonly onDrop?: ((message: Message, reason: DropReason) => void) | undefined;
  /** While the connection is lost: reject at once, or wait for the next one. Default: the client's `whenOffline`. */
  readonly whenOffline?: WhenOffline | undefined;
  /** All or nothing: end with a `SubscribeError`, after unsubscribing what was granted, if any filter is refused. Default false. */
  readonly strict?: boolean | undefined;
  /**
   * Ends the subscription. Until the broker has answered the call rejects with `ABORTED`, and is undone; after that the
   * subscription ends as by `break`: its loop ends normally, with the reason `aborted`. To bound the answer alone use `timeout`.
   */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds to wait for the broker's answer; then as if aborted, with `TIMEOUT`. Default: no limit. */
  readonly timeout?: number | undefined;
}

/** How to subscribe with a handler. */
export interface SubscribeCallbackOptions extends SubscribeOptions {
  /** Handler calls that may be unfinished at the same time. Default 1: messages are handled in order. */
  readonly concurrency?: number | undefined;
  /**
   * Hand the handler a view of what was received instead of a copy, valid until it returns; one that is asynchronous must not use
   * the payload or properties after its first `await`, and a payload that is published again needs a `slice()`: the memory is used for
   * what is received next. A message that has to wait, or that another consumer also gets, is copied all the
   * same. Default false: a message owns its bytes and may be kept.
   */
  readonly zeroCopy?: boolean | undefined;
}

/** The buffer's settings, checked. `dropped` is called once a message, and never throws. */
export function inboxSettings(
  options: SubscribeOptions,
  clock: Clock,
  logger: Logger,
  dropped: (reason: DropReason) => void,
): InboxSettings {
  waiting(options);
  if (options.whenOffline !== undefined) whenOffline(options.whenOffline);
  const onDrop = callable("onDrop", options.onDrop);
  return {
    overflow: oneOf("overflow", options.overflow ?? "hold", ["hold", "drop-newest", "drop-oldest", "pause"]),
    bufferSize: bound("bufferSize", options.bufferSize ?? 65_536),
    autoAck: flag("autoAck", options.autoAck) ?? false,
    clock,
    dropped: (message, reason) => {
      dropped(reason);
      try {
        onDrop?.(message, reason);
      } catch (error) {
        logger.error?.("onDrop threw", error);
      }
    },
  };
}
