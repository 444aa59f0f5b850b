// SPDX-License-Identifier: Apache-2.0

import { type ConnackPacket, PacketType, ReasonCode } from "@mqttv5/wire";
import type { Clock } from "../clock.js";
import type { FaultyLink } from "../fault.js";
import { Fifo } from "../fifo.js";
import type { Link, Transport } from "../link.js";
import { linkPair } from "../link-pair.js";
import type { PacketPattern } from "./pattern.js";
import { ScriptError, StepInterrupted } from "./script-error.js";
import { DEFAULT_TIMEOUT, ScriptedConnection, type WaitOptions } from "./scripted-connection.js";
import { Signal } from "./signal.js";

/** Options of {@link ScriptedPeer}. */
export interface ScriptedPeerOptions {
  /** The client's clock. */
  readonly clock: Clock;
  /** Milliseconds of the clock a script waits for what it expects. Default 3000. */
  readonly timeout?: number | undefined;
  /** Milliseconds a chunk is under way. Default 0. */
  readonly latency?: number | undefined;
  /** Bytes pending above which a link's `send` returns false. Default 65536. */
  readonly highWaterMark?: number | undefined;
}

/** What the CONNECT must be like, and what to say in CONNACK. */
export interface HandshakeOptions extends WaitOptions {
  readonly connect?: Omit<PacketPattern<typeof PacketType.Connect>, "type"> | undefined;
  /** Default: success, and an Assigned Client Identifier if the client has none. */
  readonly connack?: Partial<Omit<ConnackPacket, "type">> | undefined;
}

/**
 * A broker that does exactly what a test says, byte for byte, and nothing by itself: for what a correct broker would
 * never do, and for faults at an exact place.
 *
 * @example
 * const peer = new ScriptedPeer({ clock });
 * const client = new Client({ broker: "mqtt://test", clock, transport: peer.transport() });
 * const connected = client.connect();
 * const connection = await peer.acceptConnect();
 * await connected;
 * const sent = client.publish("a", "hello", { qos: 1 });
 * const { packetId } = await connection.expect({ type: PacketType.Publish, topic: "a", payload: "hello" });
 * connection.send({ type: PacketType.Puback, packetId, reasonCode: 0 });
 * await clock.run(sent);
 */
export class ScriptedPeer {
  readonly #options: ScriptedPeerOptions;
  readonly #signal: Signal;
  readonly #waiting: Fifo<ScriptedConnection> = new Fifo();
  readonly #faults: Map<string, (connection: ScriptedConnection) => void> = new Map();
  readonly #steps: string[] = [];

  constructor(options: ScriptedPeerOptions) {
    this.#options = options;
    this.#signal = new Signal(options.clock);
  }

  /** A transport for the client: each `connect` makes a connection for {@link accept}. */
  transport(): Transport {
    return {
      connect: async (_url, { signal }) => {
        signal.throwIfAborted();
        const { clock, latency, highWaterMark } = this.#options;
        const [client, peer] = linkPair({ clock, latency, highWaterMark });
        this.attach(peer, client);
        return client;
      },
    };
  }

  /** Takes over a link that a client opened in another way. `remote` is the client's end, if it is at hand. */
  attach(link: Link, remote?: FaultyLink): void {
    const { clock, timeout } = this.#options;
    const onStep = (name: string, connection: ScriptedConnection): void => {
      this.#steps.push(name);
      this.#faults.get(name)?.(connection);
    };
    this.#waiting.push(new ScriptedConnection(link, { clock, timeout, remote, onStep }));
    this.#signal.changed();
  }

  /** Waits for the client's next connection. */
  async accept({ within = this.#options.timeout ?? DEFAULT_TIMEOUT }: WaitOptions = {}): Promise<ScriptedConnection> {
    await this.#signal.until(() => this.#waiting.size > 0, within);
    const connection = this.#waiting.shift();
    if (!connection) throw new ScriptError(`expected a connection, but there was none within ${within} ms`);
    return connection;
  }

  /** Waits for the next connection and its CONNECT, accepts it with a new session, and waits until the client knows. */
  async acceptConnect(options: HandshakeOptions = {}): Promise<ScriptedConnection> {
    const { connect, connack, ...wait } = options;
    const connection = await this.accept(wait);
    const { clientId } = await connection.expect({ type: PacketType.Connect, ...connect }, wait);
    connection.send({
      type: PacketType.Connack,
      sessionPresent: false,
      reasonCode: ReasonCode.Success,
      ...connack,
      properties: { assignedClientIdentifier: clientId === "" ? "assigned" : undefined, ...connack?.properties },
    });
    await connection.delivered(wait);
    return connection;
  }

  /** The same, but the client must want its session back, and gets it. */
  acceptResume(options: HandshakeOptions = {}): Promise<ScriptedConnection> {
    return this.acceptConnect({
      ...options,
      connect: { cleanStart: false, ...options.connect },
      connack: { sessionPresent: true, ...options.connack },
    });
  }

  /** Makes sure that the client doesn't connect: now, or within some milliseconds of the clock. */
  async expectNoConnection({ within = 0 }: WaitOptions = {}): Promise<void> {
    if (await this.#signal.until(() => this.#waiting.size > 0, within)) throw new ScriptError("expected no connection");
  }

  /** Plans a fault, or anything else, for the step of that name in any script. Replaces an earlier plan. */
  at(step: string, action: (connection: ScriptedConnection) => void): void {
    this.#faults.set(step, action);
  }

  /** The steps all scripts came by, in order: run a script once to learn them, then once more for a fault at each. */
  get steps(): readonly string[] {
    return this.#steps;
  }

  /** Runs a script on a connection. Gives the step at which a planned fault ended it; undefined if none did. */
  async play(
    connection: ScriptedConnection,
    script: (connection: ScriptedConnection) => Promise<void>,
  ): Promise<string | undefined> {
    try {
      await script(connection);
      return undefined;
    } catch (error) {
      if (error instanceof StepInterrupted) return error.step;
      throw error;
    }
  }
}
