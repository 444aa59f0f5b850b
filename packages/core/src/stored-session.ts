// SPDX-License-Identifier: Apache-2.0
import { decode, PacketType, type Publish } from "@mqttv5/wire";
import type { Clock } from "./clock.js";
import type { InboundMessage } from "./session/inbound-message.js";
import { Ending, OutboundPublish, Phase } from "./session/outbound-publish.js";
import { type CorruptRecord, Direction, MAXIMUM_REF_LENGTH, RecordPhase } from "./store.js";
import type { SessionKey, SessionMeta, SessionRecord, StoredSession } from "./store.js";

/** What a store kept, as the session takes it over. */
export interface RestoredSession {
  /** In the order of publication; among them one for each identifier that a corrupt record holds. */
  readonly publishes: readonly OutboundPublish[];
  /** QoS 2 messages that were acked and not released, by identifier. */
  readonly received: readonly number[];
  readonly meta: SessionMeta | undefined;
  /** What was left out. */
  readonly corrupt: readonly CorruptRecord[];
}

const NO_BYTES = new Uint8Array(0);

/** The phases a publish may be stored in, by QoS. */
const PHASES: Readonly<Record<number, readonly RecordPhase[]>> = {
  1: [RecordPhase.AwaitPuback, RecordPhase.Completed],
  2: [RecordPhase.AwaitPubrec, RecordPhase.AwaitPubcomp, RecordPhase.Completed],
};

/** Looks at everything that was loaded: what is impossible is left out, and never keeps the rest from being used. */
export function restoreSession(stored: StoredSession, clock: Clock): RestoredSession {
  const corrupt: CorruptRecord[] = [];
  for (const { key, reason } of stored.corrupt ?? [])
    corrupt.push({ key: isKey(key) ? copyOf(key) : undefined, reason });
  const sound = new Map<number, SessionRecord>();
  for (const record of stored.records) {
    const reason = problemOf(record);
    if (reason !== undefined) {
      corrupt.push({ key: isKey(record) ? copyOf(record) : undefined, reason });
      continue;
    }
    const twin = sound.get(keyOf(record));
    const [older, newer] = twin === undefined || isNewer(record, twin) ? [twin, record] : [record, twin];
    if (older !== undefined) corrupt.push({ key: copyOf(older), reason: "a newer record has the same identifier" });
    sound.set(keyOf(record), newer);
  }
  const records = [...sound.values()];
  const outbound = records.filter(({ direction }) => direction === Direction.Outbound);
  const publishes = outbound.toSorted((a, b) => a.sequence - b.sequence).map((record) => publishOf(record, clock));
  for (const { key } of corrupt) {
    if (key?.direction !== Direction.Outbound || sound.has(keyOf(key))) continue;
    publishes.push(placeholder(key.packetId));
  }
  const received = records.filter(({ direction }) => direction === Direction.Inbound).map(({ packetId }) => packetId);
  const reason = metaProblemOf(stored.meta);
  if (reason !== undefined) corrupt.push({ key: undefined, reason });
  return { publishes, received, meta: reason === undefined ? stored.meta : undefined, corrupt };
}

/** The record of a publish as it is now. */
export function recordOf(publish: OutboundPublish, clock: Clock): SessionRecord {
  const { packetId, sequence, pubrecSequence, frame: packet, expiresAt, ref = NO_BYTES, outcome } = publish;
  return {
    direction: Direction.Outbound,
    packetId,
    sequence,
    pubrecSequence,
    qos: publish.qos === 1 ? 1 : 2,
    phase: phaseOf(publish),
    packet,
    expiresAt: expiresAt === Infinity ? undefined : expiresAt - clock.now() + clock.wallTime(),
    ref,
    outcome,
  };
}

/** The record of a received QoS 2 message that was acked. */
export function receivedRecordOf({ packetId }: InboundMessage): SessionRecord {
  return {
    direction: Direction.Inbound,
    packetId,
    sequence: 0,
    pubrecSequence: 0,
    qos: 2,
    phase: RecordPhase.AwaitPubrel,
    packet: NO_BYTES,
    expiresAt: undefined,
    ref: NO_BYTES,
    outcome: 0,
  };
}

/** A key as a number, never 0. */
export function keyOf({ direction, packetId }: SessionKey): number {
  return direction === Direction.Outbound ? packetId : packetId | 0x10000;
}

// Inside

/** Why a record can't be used, if so. What nobody reads is not looked at. */
function problemOf(record: SessionRecord): string | undefined {
  if (typeof record !== "object" || record === null) return "it is no record";
  if (!isKey(record)) return "it has no direction and Packet Identifier";
  const { direction, packetId, sequence, pubrecSequence, qos, phase, packet, expiresAt, ref, outcome } = record;
  if (direction === Direction.Inbound) {
    return qos === 2 && phase === RecordPhase.AwaitPubrel ? undefined : `phase ${phase} is none of a received message`;
  }
  if (!PHASES[qos]?.includes(phase)) return `phase ${phase} is none of a publish at QoS ${qos}`;
  if (!isCount(sequence) || sequence === 0) return `its sequence is ${sequence}`;
  if (!isCount(pubrecSequence) || (phase === RecordPhase.AwaitPubcomp && pubrecSequence === 0)) {
    return `its PUBREC sequence is ${pubrecSequence}`;
  }
  if (!Number.isInteger(outcome) || outcome < 0 || outcome > 255) return `its outcome is ${outcome}`;
  if (!(ref instanceof Uint8Array) || ref.length > MAXIMUM_REF_LENGTH) return "its ref is none";
  if (expiresAt !== undefined && !Number.isFinite(expiresAt)) return `it expires at ${expiresAt}`;
  if (!(packet instanceof Uint8Array)) return "it has no packet";
  try {
    const publish = decode(packet, 0, packet.length, { sender: "client" });
    if (publish.type !== PacketType.Publish) return "its packet is no PUBLISH";
    if (publish.packetId !== packetId) return `its packet has Packet Identifier ${publish.packetId}`;
    if (publish.qos !== qos) return `its packet has QoS ${publish.qos}`;
    if (publish.duplicate) return "its packet has DUP set";
    if (publish.topicAlias !== 0) return "its packet has a Topic Alias"; // which no other connection knows
    if (expiresAt !== undefined && publish.properties.messageExpiryInterval === undefined) {
      return "its packet does not expire";
    }
  } catch (error) {
    return `its packet can't be decoded${error instanceof Error ? `: ${error.message}` : ""}`;
  }
  return undefined;
}

function metaProblemOf(meta: SessionMeta | undefined): string | undefined {
  if (meta === undefined) return undefined;
  const { clientId, sessionExpiryInterval } = meta ?? {};
  const sound = typeof clientId === "string" && isCount(sessionExpiryInterval) && sessionExpiryInterval <= 0xffffffff;
  return sound ? undefined : "the meta has no Client Identifier and Session Expiry Interval";
}

function isKey(key: SessionKey | undefined): key is SessionKey {
  if (typeof key !== "object" || key === null) return false;
  const { direction, packetId } = key;
  const known = direction === Direction.Outbound || direction === Direction.Inbound;
  return known && Number.isInteger(packetId) && packetId >= 1 && packetId <= 65_535;
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Of two with one identifier: it was used again, or the exchange has gone on. */
function isNewer(a: SessionRecord, b: SessionRecord): boolean {
  return a.sequence === b.sequence ? a.phase >= b.phase : a.sequence > b.sequence;
}

function copyOf({ direction, packetId }: SessionKey): SessionKey {
  return { direction, packetId };
}

function publishOf(record: SessionRecord, clock: Clock): OutboundPublish {
  const { packet, qos, expiresAt, ref } = record;
  const { retain, properties } = decode(packet) as Publish;
  // Never more than when it was stored, should the time of day have gone back.
  const most = (properties.messageExpiryInterval ?? 0) * 1000;
  const left = expiresAt === undefined ? Infinity : Math.min(expiresAt - clock.wallTime(), most);
  const publish = new OutboundPublish(packet, qos, retain, clock.now() + left, undefined);
  publish.packetId = record.packetId;
  publish.sequence = record.sequence;
  publish.pubrecSequence = record.pubrecSequence;
  publish.phase = SESSION_PHASES[record.phase] ?? Phase.Done;
  publish.outcome = record.outcome;
  if (ref.length > 0) publish.ref = ref;
  return publish;
}

/** Holds the identifier of a corrupt record: the broker may still know a message by it. */
function placeholder(packetId: number): OutboundPublish {
  const publish = new OutboundPublish(NO_BYTES, 1, false, Infinity, undefined);
  publish.packetId = packetId;
  publish.phase = Phase.Done;
  publish.ending = Ending.Corrupt;
  return publish;
}

const SESSION_PHASES: Readonly<Record<number, Phase>> = {
  [RecordPhase.AwaitPuback]: Phase.AwaitPuback,
  [RecordPhase.AwaitPubrec]: Phase.AwaitPubrec,
  [RecordPhase.AwaitPubcomp]: Phase.AwaitPubcomp,
};

function phaseOf({ phase, qos }: OutboundPublish): RecordPhase {
  if (phase === Phase.Done) return RecordPhase.Completed;
  if (phase === Phase.AwaitPubcomp) return RecordPhase.AwaitPubcomp;
  return qos === 1 ? RecordPhase.AwaitPuback : RecordPhase.AwaitPubrec;
}
