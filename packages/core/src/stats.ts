// SPDX-License-Identifier: Apache-2.0

/** Counters of one client, from its construction on, and three gauges. All plain numbers. */
export interface Stats {
  /** Connections that reached CONNACK. */
  connects: number;
  /** Attempts that did not. */
  connectFailures: number;
  /** Connections that ended, for whatever reason. */
  disconnects: number;
  /** DISCONNECT packets from the broker. */
  serverDisconnects: number;
  /** Connections dropped because nothing answered a PINGREQ. */
  pingTimeouts: number;
  /** PUBLISH packets handed to a connection, resends not counted. */
  publishesSent: number;
  /** QoS 1/2 publishes that the broker acknowledged. */
  publishesAcked: number;
  /** QoS 1/2 publishes sent again after a reconnect. */
  publishesReplayed: number;
  /** Publishes rejected with `WRITE_QUEUE_FULL`, which were not sent. */
  publishesDropped: number;
  /** Gauge: QoS 1/2 publishes accepted and not settled. */
  publishesInflight: number;
  /** Gauge: QoS 1/2 publishes the broker would take now. */
  sendQuota: number;
  /** PUBLISH packets received, duplicates included. */
  inboundPublishes: number;
  /** Messages dropped, for whatever reason; the next four say for which. */
  inboundDropped: number;
  /** A consumer's buffer was full. */
  inboundDroppedOverflow: number;
  /** `maximumBufferedBytes` was reached. */
  inboundDroppedMemory: number;
  /** Nobody had taken them when their subscription ended. */
  inboundDroppedUnsubscribed: number;
  /** The codec of a typed consumer could not decode them. */
  inboundDroppedUndecodable: number;
  /** Messages that matched no subscription, and were acked. */
  inboundUnmatched: number;
  /** Gauge: milliseconds since the oldest QoS 1/2 message that is not acked arrived, 0 if there is none. Answers wait behind it. */
  ackHeadAge: number;
  /** Duplicates of messages still held, neither delivered nor acked again. */
  inboundDuplicates: number;
  /** SUBSCRIBE packets sent, those of a reconnect included. */
  subscribesSent: number;
  /** UNSUBSCRIBE packets sent, those of a reconnect included. */
  unsubscribesSent: number;
  /** Gauge: subscriptions not yet ended. */
  subscriptionsActive: number;
  /** Messages on the Response Topic that answer no request under way: late, repeated, or not meant for us. */
  responsesIgnored: number;
  /** Publishes of a pool that its client's own connection had to take. */
  poolFallbacks: number;
  /** Acknowledgements that belong to nothing outstanding. */
  acksIgnored: number;
  /** Times the broker broke the protocol. */
  protocolErrors: number;
  /** Times the session store failed, `load` included. What fails in the wake of a failure is not counted. */
  storeErrors: number;
  /** Records that were left out because they could not be read when the store was loaded. */
  storeCorruptRecords: number;
}

/** All at zero. */
export function newStats(): Stats {
  return {
    connects: 0,
    connectFailures: 0,
    disconnects: 0,
    serverDisconnects: 0,
    pingTimeouts: 0,
    publishesSent: 0,
    publishesAcked: 0,
    publishesReplayed: 0,
    publishesDropped: 0,
    publishesInflight: 0,
    sendQuota: 0,
    inboundPublishes: 0,
    inboundDropped: 0,
    inboundDroppedOverflow: 0,
    inboundDroppedMemory: 0,
    inboundDroppedUnsubscribed: 0,
    inboundDroppedUndecodable: 0,
    inboundUnmatched: 0,
    ackHeadAge: 0,
    inboundDuplicates: 0,
    subscribesSent: 0,
    unsubscribesSent: 0,
    subscriptionsActive: 0,
    responsesIgnored: 0,
    poolFallbacks: 0,
    acksIgnored: 0,
    protocolErrors: 0,
    storeErrors: 0,
    storeCorruptRecords: 0,
  };
}

/** Counts a message that was dropped. */
export function countDrop(stats: Stats, reason: "overflow" | "memory" | "unsubscribed" | "undecodable"): void {
  stats.inboundDropped++;
  if (reason === "overflow") stats.inboundDroppedOverflow++;
  else if (reason === "memory") stats.inboundDroppedMemory++;
  else if (reason === "unsubscribed") stats.inboundDroppedUnsubscribed++;
  else stats.inboundDroppedUndecodable++;
}
