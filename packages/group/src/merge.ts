// SPDX-License-Identifier: Apache-2.0
import type { Clock, MessageQueue, MqttError, WaitOptions } from "@mqttv5/core";
import { abortError, deadline } from "./deadline.js";
import { GroupMessage } from "./group-message.js";

/** The queue of one member. */
interface Source<Params> {
  readonly member: string;
  readonly queue: MessageQueue<Params>;
  /** It was asked for its next message, and has none yet. */
  asked: boolean;
}

interface Waiter<Params> {
  readonly resolve: (message: GroupMessage<Params> | undefined) => void;
  readonly reject: (error: MqttError) => void;
}

/**
 * The queues of several members as one, each in its turn. Messages stay in their member's queue, where its bounds hold, until somebody
 * wants one. Ends when every queue has ended, with an error only if every one ended with one.
 */
export class Merge<Params> {
  readonly #clock: Clock;
  readonly #failure: (errors: ReadonlyMap<string, MqttError>) => MqttError;
  readonly #dropped: (message: GroupMessage<Params>) => void;
  #sources: Source<Params>[] = [];
  /** Who is next to be asked. */
  #turn = 0;
  /** Arrived for a reader that another member was quicker to serve: at most one a member. */
  #spare: GroupMessage<Params>[] = [];
  readonly #waiters = new Set<Waiter<Params>>();
  /** More queues may come. */
  #open = true;
  #left = false;
  readonly #errors = new Map<string, MqttError>();
  #endedWell = false;

  constructor(
    clock: Clock,
    dropped: (message: GroupMessage<Params>) => void,
    failure: (errors: ReadonlyMap<string, MqttError>) => MqttError,
  ) {
    this.#clock = clock;
    this.#dropped = dropped;
    this.#failure = failure;
  }

  /** Messages that wait. */
  get size(): number {
    return this.#sources.reduce((sum, { queue }) => sum + queue.size, this.#spare.length);
  }

  add(member: string, queue: MessageQueue<Params>): void {
    const source: Source<Params> = { member, queue, asked: false };
    this.#sources.push(source);
    if (this.#waiters.size > 0) this.#ask(source);
  }

  /** No queue is added any more. */
  seal(): void {
    this.#open = false;
    this.#review();
  }

  /** Nobody will read any more: what was taken out of its queue already is acked and reported, as the queue does with its own. */
  leave(): void {
    this.#left = true;
    this.#open = false;
    const spare = this.#spare;
    this.#spare = [];
    for (const message of spare) this.#drop(message);
    this.#review();
  }

  /** The next message, if there is one now. */
  take(): GroupMessage<Params> | undefined {
    const spare = this.#spare.shift(); // never longer than the list of members
    if (spare !== undefined) return spare;
    const sources = this.#sources;
    for (let n = 0; n < sources.length; n++) {
      const index = (this.#turn + n) % sources.length;
      const { member, queue } = sources[index] as Source<Params>;
      const message = queue.tryDequeue();
      if (message === undefined) continue;
      this.#turn = index + 1;
      return new GroupMessage(member, message);
    }
    return undefined;
  }

  /** The next message, as soon as there is one; undefined at the end. */
  next(options?: WaitOptions): Promise<GroupMessage<Params> | undefined> {
    const message = this.take();
    if (message !== undefined) return Promise.resolve(message);
    return new Promise((resolve, reject) => {
      if (options?.signal?.aborted === true) {
        reject(abortError(options.signal));
        return;
      }
      const waiter: Waiter<Params> = { resolve, reject };
      this.#waiters.add(options === undefined ? waiter : this.#bound(waiter, options));
      for (const source of this.#sources) this.#ask(source);
      this.#review();
    });
  }

  #bound({ resolve, reject }: Waiter<Params>, options: WaitOptions): Waiter<Params> {
    const waiter: Waiter<Params> = {
      resolve: (message) => {
        callOff();
        resolve(message);
      },
      reject: (error) => {
        callOff();
        reject(error);
      },
    };
    const callOff = deadline(this.#clock, options, (error) => {
      this.#waiters.delete(waiter);
      reject(error);
    });
    return waiter;
  }

  #ask(source: Source<Params>): void {
    if (source.asked) return;
    source.asked = true;
    source.queue.dequeue().then(
      (message) => {
        source.asked = false;
        if (message === undefined) this.#ended(source, undefined);
        else this.#arrived(source, new GroupMessage(source.member, message));
      },
      (error: MqttError) => this.#ended(source, error),
    );
  }

  #arrived(source: Source<Params>, message: GroupMessage<Params>): void {
    if (this.#left) {
      this.#drop(message);
      return;
    }
    const [waiter] = this.#waiters;
    if (waiter === undefined) {
      this.#spare.push(message);
      return;
    }
    this.#waiters.delete(waiter);
    waiter.resolve(message);
    if (this.#waiters.size > 0) this.#ask(source);
  }

  #ended(source: Source<Params>, error: MqttError | undefined): void {
    this.#sources = this.#sources.filter((other) => other !== source);
    if (error === undefined) this.#endedWell = true;
    else this.#errors.set(source.member, error);
    this.#review();
  }

  /** At the end whoever waits is told. */
  #review(): void {
    if (this.#open || this.#sources.length > 0) return;
    const error = this.#endedWell || this.#errors.size === 0 ? undefined : this.#failure(this.#errors);
    for (const waiter of this.#waiters) {
      if (error === undefined) waiter.resolve(undefined);
      else waiter.reject(error);
    }
    this.#waiters.clear();
  }

  #drop(message: GroupMessage<Params>): void {
    this.#dropped(message);
    message.ack();
  }
}
