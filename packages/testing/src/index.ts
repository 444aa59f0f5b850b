// SPDX-License-Identifier: Apache-2.0

export type { Clock, Timer } from "./clock.js";
export type { Fault, FaultyLink } from "./fault.js";
export type { Link, LinkReceiver, Transport, TransportConnectOptions } from "./link.js";
export { linkPair, type LinkPairOptions } from "./link-pair.js";
export { systemClock } from "./platform.js";
export { VirtualClock, type VirtualClockOptions } from "./virtual-clock.js";
