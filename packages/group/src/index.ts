// SPDX-License-Identifier: Apache-2.0
export { ClientGroup, type GroupConnectOptions } from "./client-group.js";
export {
  GroupError,
  type GroupOperation,
  type MemberFailure,
  type MemberPending,
  type MemberResult,
  type MemberSuccess,
} from "./group-error.js";
export type { GroupMessage } from "./group-message.js";
export type { GroupMember, GroupOptions, PublishPolicy, SharedOptions } from "./group-options.js";
export type { GroupStats } from "./group-stats.js";
export type { GroupCallbackSubscription, GroupMessageQueue, GroupSubscription } from "./group-subscription.js";
export type { MemberSubscription } from "./parts.js";
export type { GroupPublishOptions } from "./publishing.js";
export type { GroupMessageHandler, GroupSubscribeCallbackOptions, GroupSubscribeOptions } from "./subscribing.js";
export type { GroupSuccess } from "./success.js";
