// SPDX-License-Identifier: Apache-2.0
import { decodeUtf8, isReasonCodeOf, PacketType, type Properties, type Publish, type QoS } from "@mqttv5/wire";
import { invalid } from "./check.js";
import { MqttError } from "./errors.js";
import { type AnyParameters, parametersOf, type TopicPattern } from "./topic-parameters.js";

/** What answers the broker for a QoS 1/2 message. */
export interface Acknowledger {
  /** Called at most once a holder. */
  settle(reasonCode: number, holder: readonly TopicPattern[]): void;
}

/**
 * A received message. It owns its bytes and may be kept for ever. At QoS 1 and 2 the broker waits for `ack` (or
 * `reject`): until then the message counts against Receive Maximum, and it comes again after a reconnect if the
 * process dies.
 */
export class Message<Params = AnyParameters> {
  /** The Topic Name, also where the broker sent an alias for it. */
  readonly topic: string;
  readonly #publish: Publish;
  #acknowledger: Acknowledger | undefined;
  readonly #filters: readonly TopicPattern[];
  #params: AnyParameters | undefined;

  /** Made by the client. */
  constructor(
    publish: Publish,
    topic: string,
    acknowledger: Acknowledger | undefined,
    filters: readonly TopicPattern[],
  ) {
    this.topic = topic;
    this.#publish = publish;
    this.#acknowledger = acknowledger;
    this.#filters = filters;
    this.#params = undefined;
  }

  /**
   * The values of the `{name}` levels of the filter that the message came by, the first one in the order of the call that
   * matches. Found when it is read; an object without prototype.
   */
  get params(): Params {
    this.#params ??= parametersOf(this.#filters, this.topic);
    return this.#params as Params;
  }

  /**
   * The Application Message (section 3.3.3), as the broker sent it. It is yours and may be changed; its `ArrayBuffer` may hold
   * other messages too, so transfer a `slice()` of it to a worker, not the array itself.
   */
  /** The bytes as they came: the message's own, except with `zeroCopy`. */
  get payload(): Uint8Array {
    return this.#publish.payload;
  }

  /** Bytes of the PUBLISH that brought the message. */
  get size(): number {
    return this.#publish.end - this.#publish.start;
  }

  /** The QoS of this delivery, which may be lower than that of the publish (section 3.8.4). */
  get qos(): QoS {
    return this.#publish.qos;
  }

  /** The message was kept by the broker from before the subscription, or Retain As Published was set (section 3.3.1.3). */
  get retain(): boolean {
    return this.#publish.retain;
  }

  /** The DUP flag: this may be a redelivery (section 3.3.1.1). */
  get duplicate(): boolean {
    return this.#publish.duplicate;
  }

  /** The PUBLISH properties (section 3.3.2.3), decoded as they are read. */
  get properties(): Properties {
    return this.#publish.properties;
  }

  /** The payload as text. Throws an `MqttError` with `DECODE_FAILED` where it is not strict UTF-8. */
  text(): string {
    try {
      return decodeUtf8(this.#publish.payload);
    } catch (error) {
      throw new MqttError("DECODE_FAILED", `The payload of ${this.topic} is not UTF-8`, { cause: error });
    }
  }

  /** The payload as JSON. Throws `DECODE_FAILED` where it is not. Nothing is validated: see `client.typed`. */
  json(): unknown {
    const text = this.text();
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new MqttError("DECODE_FAILED", `The payload of ${this.topic} is not JSON`, { cause: error });
    }
  }

  /**
   * Done with the message. The answer leaves once everything that arrived before it is answered too [MQTT-4.6.0-2].
   * Idempotent; nothing at QoS 0, with `autoAck`, and after the session was lost.
   */
  ack(): void {
    this.#settle(0);
  }

  /**
   * Refuses the message with a Reason Code of PUBACK and PUBREC of 0x80 or above (section 3.4.2.1); the broker does not
   * send it again. Throws `INVALID_FIELD` for any other code. Idempotent, like `ack`.
   */
  reject(reasonCode: number): void {
    if (
      !Number.isInteger(reasonCode) ||
      reasonCode < 0x80 ||
      !isReasonCodeOf(PacketType.Puback, reasonCode, "client")
    ) {
      throw invalid(
        "reasonCode",
        reasonCode,
        "must be a Reason Code of 0x80 or above that a client may send in PUBACK",
      );
    }
    this.#settle(reasonCode);
  }

  #settle(reasonCode: number): void {
    const acknowledger = this.#acknowledger;
    if (acknowledger === undefined) return;
    this.#acknowledger = undefined;
    acknowledger.settle(reasonCode, this.#filters);
  }
}
