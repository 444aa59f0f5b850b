// SPDX-License-Identifier: Apache-2.0

import { type DecodedPacket, encode, type Packet, packetName, PacketType, ReasonCode, type Sender } from "@mqttv5/wire";
import type { Clock } from "../clock.js";
import type { FaultyLink } from "../fault.js";
import type { Link, LinkReceiver } from "../link.js";
import { concatenate, equalBytes } from "../bytes.js";
import { describeBytes, describeDifference, describePacket } from "./describe.js";
import { Inbox } from "./inbox.js";
import { type DecodedOf, differences, type PacketPattern } from "./pattern.js";
import { ScriptError, StepInterrupted } from "./script-error.js";
import { Signal } from "./signal.js";

/** How long a script waits by default, in milliseconds of the clock. */
export const DEFAULT_TIMEOUT = 3000;

/** Options of {@link ScriptedConnection}. */
export interface ScriptedConnectionOptions {
  /** The clock of the link. A `VirtualClock` is moved by waiting. */
  readonly clock: Clock;
  /** Who is at the other end. Default "client": the script plays the broker. */
  readonly peer?: Sender | undefined;
  /** Milliseconds a script waits for what it expects. Default 3000. */
  readonly timeout?: number | undefined;
  /** The end of the link that the other side holds, for faults in what it sends. */
  readonly remote?: FaultyLink | undefined;
  /** What to do at which step. {@link ScriptedPeer} fills it in. */
  readonly onStep?: ((name: string, connection: ScriptedConnection) => void) | undefined;
}

/** For one wait. */
export interface WaitOptions {
  /** Milliseconds of the clock, instead of the connection's timeout. */
  readonly within?: number | undefined;
}

/**
 * One end of a link in the hands of a test: it says what must come next, byte for byte if need be, and what to send.
 * What arrives waits until the script asks for it. Plays a broker against a client, or a client against a broker.
 *
 * Lives as long as its link.
 */
export class ScriptedConnection implements LinkReceiver {
  /** The end this script holds. Its fault controls exist if the link was made by `linkPair`. */
  readonly link: Link | FaultyLink;
  /** The end of the other side, if it is known. */
  readonly remote: FaultyLink | undefined;
  readonly #options: ScriptedConnectionOptions;
  readonly #inbox: Inbox;
  readonly #signal: Signal;
  #closed = false;
  #error: Error | undefined;
  #lastStep: string | undefined;
  /** This side broke the line. */
  #ending = false;

  /** Opens the link. */
  constructor(link: Link | FaultyLink, options: ScriptedConnectionOptions) {
    this.link = link;
    this.remote = options.remote;
    this.#options = options;
    this.#inbox = new Inbox(options.peer ?? "client");
    this.#signal = new Signal(options.clock);
    link.open(this);
  }

  /** Whether the link is closed. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** What the link was closed with, if it was an error. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Part of the link; not for scripts. */
  received(chunk: Uint8Array): void {
    this.#inbox.add(chunk);
    this.#signal.changed();
  }

  /** Part of the link; not for scripts. */
  drained(): void {}

  /** Part of the link; not for scripts. */
  closed(error?: Error): void {
    this.#closed = true;
    this.#error = error;
    this.#signal.changed();
  }

  /** Waits for exactly these bytes. */
  expect(expected: Uint8Array, options?: WaitOptions): Promise<Uint8Array>;
  /** Waits for the next packet, which must be of this type, or like this pattern. */
  expect<T extends PacketType>(expected: T | PacketPattern<T>, options?: WaitOptions): Promise<DecodedOf<T>>;
  async expect(
    expected: PacketType | PacketPattern | Uint8Array,
    options: WaitOptions = {},
  ): Promise<DecodedPacket | Uint8Array> {
    if (expected instanceof Uint8Array) return this.#expectBytes(expected, options);
    const pattern = typeof expected === "number" ? { type: expected } : expected;
    const packet = await this.#nextPacket(packetName(pattern.type), options);
    const different = packet.type === pattern.type ? differences(pattern, packet) : undefined;
    if (different?.length === 0) return packet;
    const lines = different?.map(describeDifference) ?? [`expected ${packetName(pattern.type)}`];
    throw this.#failure([...lines, "", `received ${describePacket(packet)}`]);
  }

  /** Waits for the next packet, whatever it is. */
  next(options: WaitOptions = {}): Promise<DecodedPacket> {
    return this.#nextPacket("a packet", options);
  }

  /** Waits for a SUBSCRIBE, and grants what it asks for, or answers with these codes. */
  async acceptSubscribe(reasonCodes?: readonly number[]): Promise<DecodedOf<typeof PacketType.Subscribe>> {
    const packet = await this.expect(PacketType.Subscribe);
    const granted = reasonCodes ?? packet.subscriptions.map(({ qos }) => qos);
    this.send({ type: PacketType.Suback, packetId: packet.packetId, reasonCodes: granted });
    await this.delivered();
    return packet;
  }

  /** Waits for a PUBLISH like the pattern, and takes it to the end of its exchange. */
  async acceptPublish(
    pattern: Omit<PacketPattern<typeof PacketType.Publish>, "type"> = {},
  ): Promise<DecodedOf<typeof PacketType.Publish>> {
    const packet = await this.expect({ ...pattern, type: PacketType.Publish });
    const { packetId } = packet;
    const reasonCode = ReasonCode.Success;
    if (packet.qos === 1) this.send({ type: PacketType.Puback, packetId, reasonCode });
    if (packet.qos === 2) {
      this.send({ type: PacketType.Pubrec, packetId, reasonCode });
      await this.expect({ type: PacketType.Pubrel, packetId });
      this.send({ type: PacketType.Pubcomp, packetId, reasonCode });
    }
    await this.delivered();
    return packet;
  }

  /** Makes sure that nothing more arrives: now, or within some milliseconds of the clock. */
  async expectNone({ within = 0 }: WaitOptions = {}): Promise<void> {
    if (await this.#signal.until(() => this.#inbox.length > 0, within)) {
      throw this.#failure(["expected nothing", "", `received ${this.#pending()}`]);
    }
  }

  /** Waits until the other side has closed, having sent nothing else. */
  async expectClosed({ within = this.#timeout }: WaitOptions = {}): Promise<void> {
    const closed = await this.#signal.until(() => this.#closed || this.#inbox.length > 0, within);
    if (this.#inbox.length > 0) throw this.#failure(["expected the end", "", `received ${this.#pending()}`]);
    if (!closed) throw this.#failure([`expected the end; the link is still open after ${within} ms`]);
  }

  /** Forgets what has arrived. */
  discard(): void {
    this.#inbox.take(this.#inbox.length);
  }

  /** Sends packets, or bytes as they are: all of one call in one chunk. */
  send(...items: readonly (Packet | Uint8Array)[]): void {
    const parts = items.map((item) => (item instanceof Uint8Array ? item.slice() : encode(item)));
    this.link.send(concatenate(parts));
  }

  /** Sends bytes, given as numbers. */
  sendRaw(...bytes: readonly number[]): void {
    this.link.send(Uint8Array.from(bytes));
  }

  /** Waits until the other side has all that was sent, and has dealt with it as far as it can without time passing. */
  async delivered({ within = this.#timeout }: WaitOptions = {}): Promise<void> {
    await this.#signal.until(() => this.link.pendingBytes === 0 || this.#closed, within);
    if (this.link.pendingBytes > 0) throw this.#failure([`what was sent was not delivered within ${within} ms`]);
    await this.#signal.until(() => false, 0);
  }

  /** Sends what is pending, then closes. */
  end(): void {
    this.link.end();
  }

  /**
   * Names a place in the script. If a fault was planned for it, it happens now; if the fault ends the connection, this
   * throws {@link StepInterrupted}.
   */
  step(name: string): void {
    this.#lastStep = name;
    const open = !this.#closed && !this.#ending;
    this.#options.onStep?.(name, this);
    if (open && this.#ending) throw new StepInterrupted(name);
  }

  /** Breaks the line: both ends are closed, bytes under way are lost. On a link not of `linkPair`, only this end. */
  cut(error?: Error): void {
    this.#ending = true;
    if ("cut" in this.link) this.link.cut(error);
    else this.link.destroy();
  }

  /** Delivers nothing more of what this side sends. */
  stall(): void {
    this.#faulty.stall();
  }

  /** Ends a {@link stall}. */
  unstall(): void {
    this.#faulty.unstall();
  }

  /** Delivers what this side sends in chunks of at most `size` bytes. */
  split(size: number): void {
    this.#faulty.split(size);
  }

  /** Flips bits of the byte at `offset` of all that this side sends. */
  corrupt(offset: number, xor?: number): void {
    this.#faulty.corrupt(offset, xor);
  }

  /** Runs `action` when exactly `offset` bytes of what this side sends were delivered. */
  at(offset: number, action: (connection: this) => void): void {
    this.#faulty.at(offset, () => action(this));
  }

  get #timeout(): number {
    return this.#options.timeout ?? DEFAULT_TIMEOUT;
  }

  get #faulty(): FaultyLink {
    if ("stall" in this.link) return this.link;
    throw new TypeError("faults other than cut need a link made by linkPair");
  }

  async #nextPacket(wanted: string, { within = this.#timeout }: WaitOptions): Promise<DecodedPacket> {
    await this.#signal.until(() => this.#inbox.hasPacket || this.#closed, within);
    if (!this.#inbox.hasPacket) throw this.#failure([this.#missing(wanted, within)]);
    const bytes = this.#inbox.bytes; // taking does not change them
    try {
      return this.#inbox.takePacket();
    } catch (error) {
      throw this.#failure([`expected ${wanted}`, "", `received ${describeBytes(bytes)}`], error);
    }
  }

  async #expectBytes(expected: Uint8Array, { within = this.#timeout }: WaitOptions): Promise<Uint8Array> {
    const mismatch = (): boolean => {
      const length = Math.min(this.#inbox.length, expected.length);
      return !equalBytes(this.#inbox.bytes.subarray(0, length), expected.subarray(0, length));
    };
    const decided = (): boolean => this.#inbox.length >= expected.length || this.#closed || mismatch();
    await this.#signal.until(decided, within);
    if (this.#inbox.length >= expected.length && !mismatch()) return this.#inbox.take(expected.length);
    const reason = mismatch() ? [] : [this.#missing(`${expected.length} bytes`, within)];
    throw this.#failure([
      ...reason,
      `expected ${describeBytes(expected)}`,
      `received ${describeBytes(this.#inbox.bytes)}`,
    ]);
  }

  #missing(wanted: string, within: number): string {
    const rest = this.#inbox.length > 0 ? `, only the beginning of a packet: ${describeBytes(this.#inbox.bytes)}` : "";
    const error = this.#error ? ` (${this.#error.message})` : "";
    return this.#closed
      ? `expected ${wanted}, but the link was closed${error}${rest}`
      : `expected ${wanted}, but nothing arrived within ${within} ms${rest}`;
  }

  /** All that has arrived and was not asked for. */
  #pending(): string {
    const packets = this.#inbox
      .peekPackets()
      .map((packet) => (packet instanceof Error ? packet.message : describePacket(packet)));
    return packets.length > 0 ? packets.join("\n") : describeBytes(this.#inbox.bytes);
  }

  #failure(lines: readonly string[], cause?: unknown): ScriptError {
    const where = this.#lastStep === undefined ? [] : ["", `after step ${JSON.stringify(this.#lastStep)}`];
    return new ScriptError([...lines, ...where].join("\n"), cause === undefined ? undefined : { cause });
  }
}
