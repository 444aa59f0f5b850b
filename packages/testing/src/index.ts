// SPDX-License-Identifier: Apache-2.0

export type { BrokerConnection } from "./broker/connection.js";
export type {
  AsyncAuthenticationRounds,
  AuthenticationContext,
  AuthenticationOutcome,
  AuthenticationRounds,
  AuthenticationScript,
  Awaitable,
  BrokerHooks,
  ClientInfo,
  ConnectVerdict,
  PacketEvent,
  Verdict,
} from "./broker/hooks.js";
export type { Message as BrokerMessage, MessageProperties } from "./broker/message.js";
export type { TestBrokerOptions } from "./broker/options.js";
export type { BrokerSession } from "./broker/session.js";
export {
  type BrokerPublishOptions,
  type BrokerTransportOptions,
  type RestartOptions,
  TestBroker,
} from "./broker/test-broker.js";
export type { Clock, Timer } from "./clock.js";
export { contractPeer } from "./contract-peer.js";
export type { Fault, FaultyLink } from "./fault.js";
export type { Link, LinkAcceptor, LinkReceiver, Transport, TransportConnectOptions } from "./link.js";
export { linkPair, type LinkPairOptions } from "./link-pair.js";
export type { DecodedOf, PacketPattern } from "./peer/pattern.js";
export { ScriptError, StepInterrupted } from "./peer/script-error.js";
export { ScriptedConnection, type ScriptedConnectionOptions, type WaitOptions } from "./peer/scripted-connection.js";
export { type HandshakeOptions, ScriptedPeer, type ScriptedPeerOptions } from "./peer/scripted-peer.js";
export type { CorruptStoredRecord, SessionStore, StoredMeta, StoredRecord, StoredSession } from "./session-store.js";
export { type ContractCheck, sessionStoreContract, type SessionStoreFactory } from "./session-store-contract.js";
export { systemClock } from "./platform.js";
export { transportContract, type TransportContractOptions } from "./transport-contract.js";
export { VirtualClock, type VirtualClockOptions } from "./virtual-clock.js";
