// SPDX-License-Identifier: Apache-2.0
// What the random model knows of the wire: every packet that a client hands to a link, and which of the broker's answers it has.
import { decode, type DecodedPacket, Framer, type Packet, packetName, PacketType, type Publish } from "@mqttv5/wire";
import type { FaultyLink } from "@mqttv5/testing";
import type { Link, LinkReceiver } from "../src/transport.js";
import type { Outcome } from "./bench.js";

/** A message of the application's, and what became of it. Known by its topic: `q<qos>-<number>`. */
export interface Sent {
  readonly number: number;
  readonly qos: 0 | 1 | 2;
  outcome: Outcome<{ readonly reasonCode: number }>;
  readonly abort: AbortController | undefined;
  /** A link was handed it at some time. */
  handed: boolean;
  /** A connection was given it, and no link. */
  excused: boolean;
  /** The broker took it or refused it, in any session. */
  decided: boolean;
  /** What the broker answered in the session of the moment, to the end of the exchange. */
  readonly answers: Set<number>;
  /** The application gave up the session it belonged to. */
  forsaken: boolean;
}

/** A message of the broker's. Known by its topic: `m/<qos>-<number>`. */
export interface Produced {
  readonly number: number;
  readonly qos: 0 | 1 | 2;
  readonly topic: string;
  readonly identifier: number | undefined;
  /** QoS 2: PUBREC came. */
  released: boolean;
  delivered: number;
  /** How the application answered its latest delivery. */
  code: number | undefined;
  /** The answer was handed to a link. */
  answered: boolean;
  /** Its session was lost. */
  lost: boolean;
}

/** What a correct client remembers of its session, as its packets and the broker's show it. */
export class SessionView {
  /** Every QoS 1/2 PUBLISH handed to a link in this session. */
  readonly handed = new Map<string, Uint8Array>();
  /** Packet Identifiers of publishes that have not ended. */
  readonly live = new Map<number, string>();
  /** Identifiers whose PUBREC came, in that order, and whose PUBCOMP did not. */
  readonly released: number[] = [];
}

/**
 * Publishes that were sent for the first time, in any session: what the client counts beside what a link was handed. The
 * difference was given to connections that ended before the chunk of that turn left.
 */
export class Tally {
  readonly #count: () => number;
  #seen = 0;
  #lost = 0;
  #excused = 0;

  constructor(count: () => number) {
    this.#count = count;
  }

  /** A link was handed one. */
  seen(): void {
    this.#seen++;
  }

  /** What was not seen by now never left. */
  update(): void {
    this.#lost = this.#count() - this.#seen;
  }

  /** Whether one that no link was handed may have been given to a connection all the same. Each is asked for once. */
  excuse(): boolean {
    return this.#lost > this.#excused++;
  }
}

/** What the wire of a connection is checked against. */
export interface WirePort {
  readonly view: SessionView;
  readonly tally: Tally;
  readonly sent: readonly Sent[];
  readonly logging: boolean;
  log(text: string): void;
  /** Notes a violation, and throws it. */
  fail(text: string): never;
  /** The client asks for its session, or for none. */
  begins(cleanStart: boolean): void;
  /** The broker's message that is under way under this identifier. */
  outgoing(packetId: number): Produced | undefined;
}

/**
 * One connection, between the client and its link: every packet is read and checked as the client hands it over, against what
 * was delivered to it by then.
 */
export class Tap implements Link {
  readonly #port: WirePort;
  readonly #link: FaultyLink;
  readonly #broker: FaultyLink;
  readonly #framer = new Framer();
  /** What the client learns when so many bytes were delivered to it. */
  readonly #news: { readonly offset: number; readonly learn: () => void }[] = [];
  #offset = 0;
  /** The client has closed: it reads nothing more. */
  #deaf = false;
  /** CONNACK was delivered. */
  isOpen = false;
  /** The broker's Receive Maximum. */
  window = 0;
  /** PUBRELs that are due, in order; the first so many from before this connection. */
  readonly #due: number[] = [];
  #resuming = 0;
  readonly #unanswered = new Set<number>();
  /** Came on this connection and are to be answered, in order of arrival; and those whose PUBREC is to be given again. */
  readonly #arrivals: Produced[] = [];
  readonly #again: number[] = [];
  readonly #asked = new Set<number>();
  #lastPublished = -1;
  #lastOnce = -1;

  constructor(port: WirePort, link: FaultyLink, broker: FaultyLink) {
    this.#port = port;
    this.#link = link;
    this.#broker = broker;
  }

  // The broker's side

  /** The broker sends so many bytes; the client has learnt something when it has them. */
  sends(bytes: number, learn: (() => void) | undefined): void {
    this.#offset += bytes;
    if (learn !== undefined) this.#news.push({ offset: this.#offset, learn });
  }

  /** Catches up with what was delivered. */
  catchUp(): void {
    while (!this.#deaf && this.#news[0] !== undefined && this.#news[0].offset <= this.#broker.deliveredBytes) {
      this.#news.shift()?.learn();
    }
  }

  /** CONNACK was delivered. */
  connected(): void {
    this.isOpen = true;
    this.#due.push(...this.#port.view.released);
    this.#resuming = this.#due.length;
  }

  /** PUBACK, PUBCOMP, or a PUBREC that refuses: the exchange is over. */
  ended(packetId: number): void {
    const { view } = this.#port;
    view.live.delete(packetId);
    const index = view.released.indexOf(packetId);
    if (index >= 0) view.released.splice(index, 1);
    this.#unanswered.delete(packetId);
  }

  /** PUBREC. */
  received(packetId: number): void {
    const { view } = this.#port;
    if (view.live.has(packetId) && !view.released.includes(packetId)) view.released.push(packetId);
    this.#due.push(packetId);
  }

  /** PUBLISH, at QoS 1 or 2. */
  arrived(packetId: number, message: Produced): void {
    if (message.answered && message.qos === 2 && message.code === 0) this.#again.push(packetId);
    else this.#arrivals.push(message);
  }

  /** SUBACK or UNSUBACK. */
  confirmed(packetId: number): void {
    this.#asked.delete(packetId);
  }

  /** Nothing is owed any more. */
  get idle(): boolean {
    const owed = this.#due.length + this.#unanswered.size + this.#arrivals.length + this.#again.length;
    return owed + this.#asked.size === 0;
  }

  // The client's side

  open(receiver: LinkReceiver): void {
    this.#link.open(receiver);
  }

  send(chunk: Uint8Array, flushed?: () => void): boolean {
    this.catchUp();
    this.#framer.push(chunk);
    while (this.#framer.next()) {
      const { buffer, start, end } = this.#framer;
      this.#check(decode(buffer, start, end, { sender: "client" }), buffer.subarray(start, end));
    }
    if (this.#framer.bufferedBytes > 0) this.#port.fail("a chunk ends within a packet");
    return this.#link.send(chunk, flushed);
  }

  get pendingBytes(): number {
    return this.#link.pendingBytes;
  }

  pause(): void {
    this.#link.pause();
  }

  resume(): void {
    this.#link.resume();
  }

  end(): void {
    this.#close();
    this.#link.end();
  }

  destroy(): void {
    this.#close();
    this.#link.destroy();
  }

  #close(): void {
    this.catchUp();
    this.#deaf = true;
  }

  #check(packet: DecodedPacket, frame: Uint8Array): void {
    const { type } = packet;
    if (this.#port.logging) this.#port.log(`client: ${describe(packet)}`);
    if (this.#deaf) this.#port.fail(`${packetName(type)} after the goodbye`);
    if ((type === PacketType.Connect) === this.isOpen) this.#port.fail(`${packetName(type)} at the wrong time`);
    if (type === PacketType.Connect) this.#port.begins(packet.cleanStart);
    else if (type === PacketType.Publish) this.#published(packet, frame);
    else if (type === PacketType.Pubrel) this.#releases(packet.packetId);
    else if (type === PacketType.Puback || type === PacketType.Pubrec) {
      this.#answers(packet.packetId, packet.reasonCode, type === PacketType.Puback ? 1 : 2);
    } else if (type === PacketType.Subscribe || type === PacketType.Unsubscribe) {
      this.#take(packet.packetId, packetName(type));
      this.#asked.add(packet.packetId);
    }
  }

  #published(packet: Publish, frame: Uint8Array): void {
    const { topic, packetId, duplicate, qos } = packet;
    const { view, sent, tally } = this.#port;
    const number = Number(topic.slice(3));
    const message = sent[number];
    if (message === undefined || message.qos !== qos) return this.#port.fail(`${topic} was never published`);
    const { error } = message.outcome as { error?: { delivery?: string } };
    if (error?.delivery === "not-sent") this.#port.fail(`${topic} is sent after "not-sent" was said of it`);
    const first = !message.handed;
    message.handed = true;
    if (!duplicate) tally.seen();
    if (qos === 0) {
      if (!first) this.#port.fail(`${topic} is sent twice`);
      if (number <= this.#lastOnce || number <= this.#lastPublished) this.#port.fail(`${topic} was overtaken`);
      this.#lastOnce = number;
      return;
    }
    if (this.#resuming > 0) this.#port.fail(`${topic} is sent before the PUBRELs that are due`);
    if (number <= this.#lastPublished) this.#port.fail(`${topic} is out of order`);
    this.#lastPublished = number;
    const before = view.handed.get(topic);
    if (before !== undefined && !duplicate) this.#port.fail(`${topic} is sent again without DUP`);
    if (before === undefined && duplicate && !message.excused && !tally.excuse()) {
      this.#port.fail(`DUP is set on ${topic}, which no connection was handed`);
    }
    if (before === undefined) {
      this.#take(packetId, topic);
      view.live.set(packetId, topic);
      view.handed.set(topic, frame.slice());
    } else {
      if (view.live.get(packetId) !== topic) this.#port.fail(`${topic} is sent again under identifier ${packetId}`);
      if (view.released.includes(packetId)) this.#port.fail(`${topic} is sent again after its PUBREC`);
      if (!same(before, frame)) this.#port.fail(`${topic} is not sent again as it was`);
    }
    this.#unanswered.add(packetId);
    if (this.#unanswered.size > this.window) this.#port.fail(`more than ${this.window} unanswered publishes`);
  }

  #releases(packetId: number): void {
    if (this.#due.shift() !== packetId) this.#port.fail(`PUBREL ${packetId} is not the next one due`);
    if (this.#resuming > 0) this.#resuming--;
  }

  #answers(packetId: number, reasonCode: number, qos: 1 | 2): void {
    const message = this.#port.outgoing(packetId);
    if (message?.qos !== qos) return this.#port.fail(`an answer to ${packetId}, which was not sent`);
    if (message.answered) {
      if (this.#again.shift() !== packetId || reasonCode !== 0) this.#port.fail(`a second answer to ${message.topic}`);
      return;
    }
    if (message.code === undefined) this.#port.fail(`${message.topic} is answered before it was acked`);
    if (message.code !== reasonCode) this.#port.fail(`${message.topic} is answered with ${reasonCode}`);
    if (this.#arrivals.shift() !== message) this.#port.fail(`${message.topic} is answered out of order`);
    message.answered = true;
  }

  #take(packetId: number, what: string): void {
    const { live } = this.#port.view;
    const owner = live.get(packetId) ?? (this.#asked.has(packetId) ? "a request" : undefined);
    if (owner !== undefined) this.#port.fail(`identifier ${packetId} of ${owner} is used for ${what}`);
  }
}

/** Whether two frames differ in nothing but the DUP flag. */
function same(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length || ((one[0] as number) | 8) !== ((other[0] as number) | 8)) return false;
  for (let at = 1; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

/** A packet in words, for the log of a seed that failed. */
export function describe(packet: Packet | DecodedPacket): string {
  const { packetId, topic, duplicate, reasonCode, sessionPresent, cleanStart } = packet as {
    packetId?: number;
    topic?: string;
    duplicate?: boolean;
    reasonCode?: number;
    sessionPresent?: boolean;
    cleanStart?: boolean;
  };
  const words = [packetName(packet.type)];
  if (packetId !== undefined) words.push(String(packetId));
  if (duplicate === true) words.push("dup");
  if (topic !== undefined) words.push(topic);
  if (reasonCode !== undefined && reasonCode > 0) words.push(`0x${reasonCode.toString(16)}`);
  if (sessionPresent === true) words.push("session present");
  if (cleanStart === true) words.push("clean");
  return words.join(" ");
}
