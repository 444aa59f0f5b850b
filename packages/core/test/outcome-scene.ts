// SPDX-License-Identifier: Apache-2.0
import { type Packet, PacketType, type PublishPacket } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import type { Client, ClientOptions, MqttError, WaitOptions } from "../src/index.js";
import { Bench, follow, type Outcome, publish, puback, pubcomp, pubrec, suback, unsuback } from "./bench.js";

/** A call and what has to be there before it. */
export interface Operation {
  readonly name: string;
  /** The packet it sends first, if it sends any. */
  readonly sends?: PacketType;
  /** Needs no connection: it makes one. */
  readonly connects?: boolean;
  readonly options?: Partial<ClientOptions>;
  /** Takes a signal and a timeout. */
  readonly waits: boolean;
  /** What the call is made on; the peer answers whatever this asks. */
  prepare?(client: Client): Promise<unknown>;
  call(client: Client, options: WaitOptions, prepared: unknown): Promise<unknown>;
}

/** One client, one broker and one call under way. */
export class Scene {
  readonly bench = new Bench();
  readonly operation: Operation;
  readonly client: Client;
  /** Aborts the call. */
  readonly controller = new AbortController();
  connection: ScriptedConnection | undefined;
  #prepared: unknown;
  /** The broker has a session of the client's. */
  #known = false;
  #outcome: Outcome<unknown> | undefined;

  constructor(operation: Operation, options: Partial<ClientOptions> = {}) {
    this.operation = operation;
    this.client = this.bench.client({ keepAlive: false, ...operation.options, ...options });
  }

  get status(): string {
    return this.#outcome?.status ?? "not called";
  }

  /** Before anything: the call's own preparations, as far as they need no connection. */
  async early(): Promise<void> {
    this.#prepared = await this.bench.clock.run(this.operation.prepare?.(this.client) ?? Promise.resolve());
  }

  /** A live connection, and the call's preparations on it. */
  async connect(): Promise<void> {
    const connecting = this.client.connect();
    this.connection = await this.bench.peer.acceptConnect({ connack: { properties: this.#properties } });
    await this.bench.clock.run(connecting);
    this.#known = true;
    const prepared = follow(this.operation.prepare?.(this.client) ?? Promise.resolve());
    await this.#serve(this.connection);
    if (prepared.status !== "resolved") throw new Error(`Preparing ${this.operation.name}: ${prepared.status}`);
    this.#prepared = prepared.value;
  }

  call(options: WaitOptions = {}): void {
    this.#outcome = follow(this.operation.call(this.client, options, this.#prepared));
  }

  /** Waits until its packet has arrived. */
  async written(): Promise<Packet | undefined> {
    const { sends, connects } = this.operation;
    if (connects === true) this.connection = await this.bench.peer.accept();
    await this.bench.clock.settle();
    return sends === undefined ? undefined : this.connection?.expect(sends);
  }

  /** From here on the broker does what it should, over as many connections as it takes. */
  async mend(sessionPresent = true): Promise<void> {
    for (let n = 0; n < 3 && this.client.state.status !== "closed"; n++) {
      if (this.client.state.status === "idle") void follow(this.client.connect());
      if (this.client.state.status !== "connected") {
        const connack = { sessionPresent: sessionPresent && this.#known, properties: this.#properties };
        this.connection = await this.bench.peer.acceptConnect({ connack });
        this.#known = true;
      }
      if (this.connection !== undefined) await this.#serve(this.connection);
    }
  }

  /** How the call stands, in words. */
  describe(): string {
    const outcome = this.#outcome;
    if (outcome === undefined || outcome.status === "pending") return "goes on";
    if (outcome.status === "resolved") return "resolves";
    const { code, delivery } = outcome.error as MqttError;
    return delivery === undefined ? `\`${code}\`` : `\`${code}\`, ${delivery}`;
  }

  /** Ends the client for good. Nothing may be left. */
  async close(): Promise<void> {
    const { clock } = this.bench;
    await clock.run(this.client[Symbol.asyncDispose](), 10_000);
    await clock.settle();
    if (this.status === "pending") throw new Error(`${this.operation.name} never settles`);
    if (clock.pending > 0) throw new Error(`${clock.pending} timers left behind`);
  }

  get #properties(): { authenticationMethod?: string } {
    const method = this.operation.options?.authenticator?.method;
    return method === undefined ? {} : { authenticationMethod: method };
  }

  /** Answers whatever comes, until nothing comes any more. */
  async #serve(connection: ScriptedConnection): Promise<void> {
    for (;;) {
      let packet: Awaited<ReturnType<ScriptedConnection["next"]>>;
      try {
        packet = await connection.next({ within: 250 });
      } catch {
        return;
      }
      if (packet.type === PacketType.Subscribe) {
        connection.send(suback(packet.packetId, ...packet.subscriptions.map(({ qos }) => qos)));
      } else if (packet.type === PacketType.Unsubscribe) {
        connection.send(unsuback(packet.packetId, ...packet.filters.map(() => 0)));
      } else if (packet.type === PacketType.Auth) {
        connection.send({ type: PacketType.Auth, reasonCode: 0, properties: this.#properties });
      } else if (packet.type === PacketType.Pubrel) {
        connection.send(pubcomp(packet.packetId));
      } else if (packet.type === PacketType.Publish) {
        if (packet.qos > 0) connection.send(packet.qos === 1 ? puback(packet.packetId) : pubrec(packet.packetId));
        const response = responseTo(packet);
        if (response !== undefined) connection.send(response);
      }
    }
  }
}

function responseTo(packet: PublishPacket): PublishPacket | undefined {
  const { responseTopic, correlationData } = packet.properties ?? {};
  return responseTopic === undefined ? undefined : publish(responseTopic, "", { properties: { correlationData } });
}
