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
  /** Gauge: QoS 1/2 publishes accepted and not settled. */
  publishesInflight: number;
  /** Gauge: QoS 1/2 publishes the broker would take now. */
  sendQuota: number;
  /** PUBLISH packets received, duplicates included. */
  inboundPublishes: number;
  /** Messages dropped because a consumer was too slow. */
  inboundDropped: number;
  /** Duplicates of messages still held, neither delivered nor acked again. */
  inboundDuplicates: number;
  subscribesSent: number;
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
    publishesInflight: 0,
    sendQuota: 0,
    inboundPublishes: 0,
    inboundDropped: 0,
    inboundDuplicates: 0,
    subscribesSent: 0,
    unsubscribesSent: 0,
    subscriptionsActive: 0,
    responsesIgnored: 0,
    poolFallbacks: 0,
    acksIgnored: 0,
    protocolErrors: 0,
  };
}
