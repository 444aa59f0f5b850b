// SPDX-License-Identifier: Apache-2.0
import { PERIOD, sequenceOf } from "./frames.mjs";

const [CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP] = [1, 2, 3, 4, 5, 6, 7];
const [SUBSCRIBE, SUBACK, UNSUBSCRIBE, PINGREQ, DISCONNECT] = [8, 9, 10, 12, 14];

/**
 * The other end of a client's socket, as cheap as it can be: frames are found by their headers, nothing is decoded, and the
 * answers to one chunk leave in one write. Serves as a broker's end and, through mosquitto, as another client's.
 */
export class Endpoint {
  #socket;
  #rest;
  #answers = Buffer.allocUnsafe(1 << 16);
  #length = 0;
  #events;
  #unacked = [];
  #oldest = 0;

  /** `events`: `published(sequence)`, `acked(identifier)`, `subscribed()`, `connected()`, `read()` after each chunk; each optional. */
  constructor(socket, events) {
    this.#socket = socket;
    this.#events = events;
    this.sessionPresent = false;
    /** Acknowledges nothing while true. */
    this.holding = false;
    /** Keeps QoS 1 messages for `acknowledge`. */
    this.lagging = false;
    /** Sends every PUBLISH back. */
    this.echoing = false;
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => this.#received(chunk));
  }

  get socket() {
    return this.#socket;
  }

  write(bytes) {
    return this.#socket.write(bytes);
  }

  #received(chunk) {
    const buffer = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (buffer.length - at >= 2) {
      let length = 0;
      let shift = 0;
      let body = at + 1;
      let byte = 0x80;
      while (byte >= 0x80 && body < buffer.length) {
        byte = buffer[body++];
        length += (byte & 0x7f) << shift;
        shift += 7;
      }
      if (byte >= 0x80 || body + length > buffer.length) break;
      this.#frame(buffer, at, body, body + length);
      at = body + length;
    }
    this.#rest = at < buffer.length ? buffer.subarray(at) : undefined;
    this.#flush();
    this.#events.read?.();
  }

  #frame(buffer, at, body, end) {
    switch (buffer[at] >> 4) {
      case PUBLISH:
        this.#publish(buffer, at, body, end);
        break;
      case PUBACK:
      case PUBCOMP:
        this.#events.acked?.((buffer[body] << 8) | buffer[body + 1]);
        break;
      case PUBREC:
        this.#answer(0x62, buffer[body], buffer[body + 1]);
        break;
      case PUBREL:
        this.#answer(0x70, buffer[body], buffer[body + 1]);
        break;
      case CONNECT:
        // Flags of CONNECT: whoever starts clean has no session.
        this.#send([CONNACK << 4, 3, this.sessionPresent && (buffer[body + 7] & 2) === 0 ? 1 : 0, 0, 0]);
        break;
      case CONNACK:
        this.#events.connected?.();
        break;
      case SUBSCRIBE:
        this.#subscribe(buffer, body, end);
        break;
      case SUBACK:
        this.#events.subscribed?.();
        break;
      case UNSUBSCRIBE:
        this.#send([0xb0, 4, buffer[body], buffer[body + 1], 0, 0]);
        break;
      case PINGREQ:
        this.#send([0xd0, 0]);
        break;
      case DISCONNECT:
        this.#socket.end();
        break;
      default:
    }
  }

  #publish(buffer, at, body, end) {
    const qos = (buffer[at] >> 1) & 3;
    let payload = body + 2 + ((buffer[body] << 8) | buffer[body + 1]);
    const identifier = payload;
    if (qos > 0) payload += 2;
    payload += buffer[payload] + 1; // none of the peers sends 128 bytes of properties
    this.#events.published?.(sequenceOf(buffer, payload));
    if (this.echoing) this.#socket.write(Buffer.from(buffer.subarray(at, end)));
    if (qos === 0 || this.holding) return;
    if (this.lagging) {
      this.#unacked.push(buffer[identifier], buffer[identifier + 1]);
      return;
    }
    this.#answer(qos === 1 ? 0x40 : 0x50, buffer[identifier], buffer[identifier + 1]);
  }

  /** Acknowledges the oldest of the messages that it keeps. */
  acknowledge(count) {
    for (let i = 0; i < count; i++) {
      this.#answer(0x40, this.#unacked[this.#oldest], this.#unacked[this.#oldest + 1]);
      this.#oldest += 2;
    }
    if (this.#oldest > 1 << 18) {
      this.#unacked = this.#unacked.slice(this.#oldest);
      this.#oldest = 0;
    }
    this.#flush();
  }

  /** Grants each filter, at the QoS that it asks for. */
  #subscribe(buffer, body, end) {
    const codes = [];
    let filter = body + 2 + buffer[body + 2] + 1;
    while (filter < end) {
      filter += 2 + ((buffer[filter] << 8) | buffer[filter + 1]) + 1;
      codes.push(buffer[filter - 1] & 3);
    }
    this.#send([0x90, 3 + codes.length, buffer[body], buffer[body + 1], 0, ...codes]);
    this.#events.subscribed?.();
  }

  #answer(first, high, low) {
    if (this.#length + 4 > this.#answers.length) this.#flush();
    this.#answers[this.#length++] = first;
    this.#answers[this.#length++] = 2;
    this.#answers[this.#length++] = high;
    this.#answers[this.#length++] = low;
  }

  #send(bytes) {
    this.#flush();
    this.#socket.write(Buffer.from(bytes));
  }

  #flush() {
    if (this.#length === 0) return;
    this.#socket.write(Buffer.from(this.#answers.subarray(0, this.#length)));
    this.#length = 0;
  }
}

/** Counts messages and sees that none is missing, repeated or out of order. */
export class Tally {
  #next = 0;
  count = 0;
  error = undefined;

  constructor(expected, done) {
    this.expected = expected;
    this.done = done;
  }

  add(sequence) {
    if (sequence !== this.#next && this.error === undefined) {
      this.error = `message ${this.count} has the sequence number ${sequence} instead of ${this.#next}`;
    }
    this.#next = sequence + 1 === PERIOD ? 0 : sequence + 1;
    if (++this.count === this.expected) this.done();
    if (this.count > this.expected) this.error ??= `more than ${this.expected} messages`;
  }
}
