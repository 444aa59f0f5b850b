// SPDX-License-Identifier: Apache-2.0
import { encode } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import type { VirtualClock } from "@mqttv5/testing";
import {
  type Client,
  type ClientOptions,
  Direction,
  MemorySessionStore,
  RecordPhase,
  type SessionRecord,
} from "../src/index.js";
import { Bench, publish } from "./bench.js";
import { ScriptedStore } from "./scripted-store.js";

/** A client on a connection. */
export interface StoreBench {
  readonly bench: Bench;
  readonly client: Client;
  readonly connection: ScriptedConnection;
  readonly clock: VirtualClock;
}

/** A client whose store holds every call from now on. */
export async function connected(store: ScriptedStore, options: Partial<ClientOptions> = {}): Promise<StoreBench> {
  const bench = new Bench();
  store.free(/^meta/);
  const { client, connection } = await bench.connect({ store, ...options });
  store.hold();
  return { bench, client, connection, clock: bench.clock };
}

/** A record of a publish as a crash leaves it. */
export function outbound(packetId: number, rest: Partial<SessionRecord>): SessionRecord {
  const { qos = 1 } = rest;
  return {
    direction: Direction.Outbound,
    packetId,
    sequence: packetId,
    pubrecSequence: 0,
    qos,
    phase: qos === 1 ? RecordPhase.AwaitPuback : RecordPhase.AwaitPubrec,
    packet: encode(publish(`t/${packetId}`, "", { qos, packetId })),
    expiresAt: undefined,
    ref: new Uint8Array(0),
    outcome: 0,
    ...rest,
  };
}

/** A record of a received message that was acked. */
export function inbound(packetId: number): SessionRecord {
  const { AwaitPubrel: phase } = RecordPhase;
  const packet = new Uint8Array(0);
  return { ...outbound(packetId, {}), direction: Direction.Inbound, sequence: 0, qos: 2, phase, packet };
}

/** A store that kept these, and whose calls return at once. */
export function holding(...records: SessionRecord[]): ScriptedStore {
  const memory = new MemorySessionStore();
  void memory.setMeta({ clientId: "client", sessionExpiryInterval: 300 });
  for (const record of records) void memory.put(record);
  return new ScriptedStore(memory).free();
}

/** A client that comes back to a broker which still has its session. */
export async function restarted(store: ScriptedStore, options: Partial<ClientOptions> = {}): Promise<StoreBench> {
  const bench = new Bench();
  const client = bench.client({ store, ...options });
  const connecting = client.connect();
  const connection = await bench.peer.acceptResume();
  await bench.clock.run(connecting);
  return { bench, client, connection, clock: bench.clock };
}
