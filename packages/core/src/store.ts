// SPDX-License-Identifier: Apache-2.0

/** Which way the message of a record travels. The same Packet Identifier may be in use in both (section 2.2.1). */
export const Direction = { Outbound: 1, Inbound: 2 } as const;
export type Direction = (typeof Direction)[keyof typeof Direction];

/** Where the exchange of a record stands (section 4.3). */
export const RecordPhase = {
  /** QoS 1: PUBLISH is about to be sent, or was. */
  AwaitPuback: 1,
  /** QoS 2: PUBLISH is about to be sent, or was. */
  AwaitPubrec: 2,
  /** QoS 2: PUBREC came; PUBREL is about to be sent, or was. */
  AwaitPubcomp: 3,
  /** Inbound QoS 2: acked by the application; PUBREC is about to be sent, or was. */
  AwaitPubrel: 4,
  /** The exchange is over, with `outcome`; whoever tracks it was not told yet. */
  Completed: 5,
} as const;
export type RecordPhase = (typeof RecordPhase)[keyof typeof RecordPhase];

/** How a tracked publish ended. A value of 0x80 or above is the broker's Reason Code. */
export const Outcome = {
  Accepted: 0,
  SessionLost: 1,
  Expired: 2,
  PacketTooLarge: 3,
  RetainNotSupported: 4,
  QoSNotSupported: 5,
} as const;

/**
 * Told how a tracked publish ended, an {@link Outcome} or the broker's refusal, before its record is deleted. If it rejects
 * or throws, the record keeps the outcome until somebody adopts it.
 */
export type Settle = (outcome: number) => Promise<void> | undefined;

/** The most bytes a `ref` may have. */
export const MAXIMUM_REF_LENGTH = 255;

/** What names a record. */
export interface SessionKey {
  readonly direction: Direction;
  /** 1 to 65535. */
  readonly packetId: number;
}

/** One unfinished QoS 1/2 exchange. */
export interface SessionRecord extends SessionKey {
  /** Outbound: order of publication, from 1 on. Inbound: 0. */
  readonly sequence: number;
  /** Order in which the PUBRECs came, from 1 on; 0 before. */
  readonly pubrecSequence: number;
  readonly qos: 1 | 2;
  readonly phase: RecordPhase;
  /** The whole PUBLISH as it is sent, with DUP 0. Empty for inbound records. */
  readonly packet: Uint8Array;
  /** When the Message Expiry Interval has run out, in milliseconds since 1970; undefined without one. */
  readonly expiresAt: number | undefined;
  /** What the owner of a tracked publish knows it by, at most 255 bytes; empty if nobody tracks it. */
  readonly ref: Uint8Array;
  /** An {@link Outcome} or the broker's refusal; meaningful in phase Completed only. */
  readonly outcome: number;
}

/** What belongs to the session as a whole. */
export interface SessionMeta {
  /** The Client Identifier in effect, also if the broker assigned it. */
  readonly clientId: string;
  /** Seconds the broker keeps the session after the connection is lost; the value in effect. 0: it keeps none. */
  readonly sessionExpiryInterval: number;
}

/** What a store holds and nobody can read. It is no part of the session, and stays in the store until it is deleted. */
export interface CorruptRecord {
  /** Which record it is, as far as that can be told. The Packet Identifier of an outbound one is not used again while it is there. */
  readonly key: SessionKey | undefined;
  /** What is wrong, for a log. */
  readonly reason: string;
}

/** Everything a store holds. */
export interface StoredSession {
  /** Undefined before the first `setMeta`, and after `reset`. */
  readonly meta: SessionMeta | undefined;
  /** Outbound records in ascending `sequence`; where the others are among them means nothing. */
  readonly records: readonly SessionRecord[];
  /** What should be among `records` and can't be read: a checksum that is wrong, a version that is not known. */
  readonly corrupt?: readonly CorruptRecord[] | undefined;
}

/**
 * Keeps the state of one session across restarts of the process (section 4.1). One client at a time uses it.
 *
 * - A call that returns `undefined` is done: a store that needs not wait makes nobody wait. Otherwise its promise resolves
 *   when the change is durable, in the sense that the store promises.
 * - Calls overlap: the client does not wait for one before it makes the next, except for those on the same key. A store
 *   that writes in groups may let one write serve them all. `load`, `reset` and `close` come alone.
 * - Bytes are copied: the caller may change them after the call.
 * - A call that rejects or throws has changed nothing: `load` gives what was there before. The client then ends the
 *   session, except where the record of a new message could not be put, which fails only that message.
 * - One record that can't be read fails no `load`: it is told in `corrupt`, and kept until its key is deleted or put again.
 *   The client looks at every record, too, and treats one that is impossible the same way.
 * - After `close` every call but `close` rejects.
 *
 * The client never closes a store: whoever made it does, after `disconnect`.
 */
export interface SessionStore {
  /** Everything put and not deleted. Comes before anything else, and again after a failure. Rejects only if nothing can be read. */
  load(): Promise<StoredSession>;
  /** Adds the record, or replaces the one with the same direction and Packet Identifier. */
  put(record: SessionRecord): Promise<void> | undefined;
  /** Deletes a record. One that is not there is deleted already. */
  delete(key: SessionKey): Promise<void> | undefined;
  setMeta(meta: SessionMeta): Promise<void> | undefined;
  /** Deletes all records and the meta. */
  reset(): Promise<void> | undefined;
  /** Releases what the store holds. Idempotent. */
  close(): Promise<void> | undefined;
}
