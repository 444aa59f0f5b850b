// SPDX-License-Identifier: Apache-2.0
import type { InboundMessage } from "./inbound-message.js";
import type { OutboundPublish } from "./outbound-publish.js";

/** What has a record: a publish, or a received QoS 2 message. Its `writes` counts the changes that are not durable yet. */
export type Recorded = OutboundPublish | InboundMessage;

/**
 * Where the session has its records kept. True: done at once. False: a command of the session follows, `stored`, `deleted`,
 * `failed` or `settled`. Changes of one record are made in the order asked for, those of different records at once. What
 * is written is what the record's owner is at the moment of the call.
 */
export interface RecordPort {
  /** `fresh`: the first of this publish, whose failure fails that publish only. */
  put(owner: Recorded, fresh: boolean): boolean;
  delete(owner: Recorded): boolean;
  /** Tells whoever tracks the publish how it ended. */
  settle(publish: OutboundPublish): boolean;
}
