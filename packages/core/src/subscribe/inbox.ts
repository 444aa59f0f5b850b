// SPDX-License-Identifier: Apache-2.0
import type { BufferedBytes } from "../buffered-bytes.js";
import type { Clock } from "../clock.js";
import type { MqttError } from "../errors.js";
import type { Message } from "../message.js";
import { Ring } from "../ring.js";
import { abortError, bounded, deadline, type WaitOptions } from "../signal.js";

/** What to drop when a consumer is slower than its stream. */
export type Overflow = "hold" | "drop-newest" | "drop-oldest" | "pause";

/** Why a message was dropped. */
export type DropReason = "overflow" | "memory" | "unsubscribed";

/** Settings of one subscription's buffer. */
export interface InboxSettings {
  readonly overflow: Overflow;
  /** Messages. */
  readonly bufferSize: number;
  readonly autoAck: boolean;
  readonly clock: Clock;
  /** The message can still be read; it is acked after this returns. */
  readonly dropped: (message: Message, reason: DropReason) => void;
}

interface Waiter {
  resolve(message: Message | undefined): void;
  reject(error: MqttError): void;
}

/** Where the messages of one subscription wait for their consumer. Ends when the subscription does. */
export class Inbox {
  readonly #settings: InboxSettings;
  readonly #buffered: BufferedBytes;
  readonly #messages = new Ring<Message>();
  readonly #waiters = new Set<Waiter>();
  #closed = false;
  /** `pause`: it is full, and the link is not read. */
  #crowded = false;
  #error: MqttError | undefined;

  constructor(settings: InboxSettings, buffered: BufferedBytes) {
    this.#settings = settings;
    this.#buffered = buffered;
  }

  get size(): number {
    return this.#messages.size;
  }

  /** As every sink of messages says (`MessageSink`): here they wait for as long as their consumer likes. */
  borrows(): boolean {
    return false;
  }

  /** A message arrived. */
  offer(message: Message): void {
    if (this.#settings.autoAck) message.ack();
    if (this.#closed) {
      message.ack();
      return;
    }
    if (this.#waiters.size > 0 && this.#hand(message)) return;
    const counts = this.#counts(message);
    if (counts && this.#buffered.full) {
      this.#drop(message, "memory");
      return;
    }
    if (this.#messages.size >= this.#settings.bufferSize && !this.#makeRoom(message)) return;
    if (this.#closed) {
      message.ack(); // by the hook that was told of the overflow
      return;
    }
    if (counts) this.#buffered.add(message.size);
    this.#messages.push(message);
    this.#regulate();
  }

  /** Gives a message to whoever has waited longest. */
  #hand(message: Message): boolean {
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter);
      waiter.resolve(message);
      return true;
    }
    return false;
  }

  /** Takes the oldest message, if there is one. */
  take(): Message | undefined {
    const message = this.#messages.shift();
    if (message === undefined) return undefined;
    if (this.#counts(message)) this.#buffered.remove(message.size);
    if (this.#crowded) this.#regulate();
    return message;
  }

  /** Resolves with the oldest message, now or when one arrives; undefined once closed and drained. Rejects if it was closed with an error. */
  next(options?: WaitOptions): Promise<Message | undefined> {
    const message = this.take();
    if (message !== undefined) return Promise.resolve(message);
    if (this.#closed) return this.#error === undefined ? Promise.resolve(undefined) : Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve, reject };
      if (options !== undefined && bounded(options)) {
        if (options.signal?.aborted === true) {
          reject(abortError(options.signal));
          return;
        }
        const callOff = deadline(this.#settings.clock, options, (stopped) => {
          this.#waiters.delete(waiter);
          reject(stopped());
        });
        waiter.resolve = (value) => {
          callOff();
          resolve(value);
        };
        waiter.reject = (error) => {
          callOff();
          reject(error);
        };
      }
      this.#waiters.add(waiter);
    });
  }

  /** No more messages. What waits can still be taken. Whoever waits is told; with an error, by rejection. */
  close(error?: MqttError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error = error;
    this.#regulate();
    for (const waiter of this.#waiters) {
      if (error === undefined) waiter.resolve(undefined);
      else waiter.reject(error);
    }
    this.#waiters.clear();
  }

  /** Acks and reports what nobody will take any more. */
  discard(): void {
    for (let message = this.take(); message !== undefined; message = this.take()) {
      this.#drop(message, "unsubscribed");
    }
  }

  /**
   * The buffer is full. `hold` never drops QoS 1/2: the broker stops at our Receive Maximum, which bounds the buffer. With
   * `autoAck` it has no such hold and drops at every QoS. `pause` keeps what is read all the same, because an answer is
   * waited for or because it came with the message that filled the buffer.
   */
  #makeRoom(incoming: Message): boolean {
    const { overflow, autoAck } = this.#settings;
    if (overflow === "pause") return true;
    if (overflow === "hold" && incoming.qos > 0 && !autoAck) return true;
    const head = overflow === "drop-oldest" ? this.take() : undefined;
    this.#drop(head ?? incoming, "overflow");
    return head !== undefined;
  }

  /** A full `pause` subscription stops the reading, until there is room or nobody will take what waits. */
  #regulate(): void {
    const { overflow, bufferSize } = this.#settings;
    const crowded = overflow === "pause" && !this.#closed && this.#messages.size >= bufferSize;
    if (crowded === this.#crowded) return;
    this.#crowded = crowded;
    if (crowded) this.#buffered.crowded();
    else this.#buffered.roomy();
  }

  /** What is still to be acked is counted by the session. */
  #counts(message: Message): boolean {
    return message.qos === 0 || this.#settings.autoAck;
  }

  #drop(message: Message, reason: DropReason): void {
    this.#settings.dropped(message, reason);
    message.ack();
  }
}
