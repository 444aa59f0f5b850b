// SPDX-License-Identifier: Apache-2.0
// The session store of @mqttv5/core, structurally: this package does not depend on it. Its contract is documented there.

/** One unfinished QoS 1/2 exchange. */
export interface StoredRecord {
  /** 1: outbound, 2: inbound. */
  readonly direction: 1 | 2;
  readonly packetId: number;
  readonly sequence: number;
  readonly pubrecSequence: number;
  readonly qos: 1 | 2;
  /** AwaitPuback, AwaitPubrec, AwaitPubcomp, AwaitPubrel, Completed. */
  readonly phase: 1 | 2 | 3 | 4 | 5;
  readonly packet: Uint8Array;
  readonly expiresAt: number | undefined;
  readonly ref: Uint8Array;
  readonly outcome: number;
}

/** What belongs to the session as a whole. */
export interface StoredMeta {
  readonly clientId: string;
  readonly sessionExpiryInterval: number;
}

/** What a store holds and can't read. */
export interface CorruptStoredRecord {
  readonly key: Pick<StoredRecord, "direction" | "packetId"> | undefined;
  readonly reason: string;
}

/** Everything a store holds. */
export interface StoredSession {
  readonly meta: StoredMeta | undefined;
  readonly records: readonly StoredRecord[];
  readonly corrupt?: readonly CorruptStoredRecord[] | undefined;
}

/** A session store, as `ClientOptions.store` takes it. */
export interface SessionStore {
  load(): Promise<StoredSession>;
  put(record: StoredRecord): Promise<void> | undefined;
  delete(key: Pick<StoredRecord, "direction" | "packetId">): Promise<void> | undefined;
  setMeta(meta: StoredMeta): Promise<void> | undefined;
  reset(): Promise<void> | undefined;
  close(): Promise<void> | undefined;
}
