// SPDX-License-Identifier: Apache-2.0

import type { Message } from "./message.js";
import { identifiersOf, lowerQoS, type Share, type Subscriber, type Subscription } from "./subscription.js";

/**
 * The members of one shared subscription: one ShareName and one filter. Each message goes to one of them, in turn.
 * Section 4.8.2.
 *
 * Lives while it has members.
 */
export class SharedGroup implements Share {
  #members: Subscription[] = [];
  #next = 0;

  get empty(): boolean {
    return this.#members.length === 0;
  }

  /** Adds a member, or replaces what it asked for. */
  add(subscription: Subscription): void {
    const index = this.#members.findIndex(({ subscriber }) => subscriber === subscription.subscriber);
    if (index < 0) this.#members.push(subscription);
    else this.#members[index] = subscription;
  }

  remove(subscriber: Subscriber): void {
    const index = this.#members.findIndex((member) => member.subscriber === subscriber);
    if (index < 0) return;
    this.#members.splice(index, 1);
    if (index < this.#next) this.#next -= 1;
  }

  deliver(message: Message): void {
    const member = this.#choose();
    member?.subscriber.deliver({
      message,
      qos: lowerQoS(message.qos, member.qos), // [MQTT-4.8.2-3]
      retain: message.retain && member.retainAsPublished,
      identifiers: identifiersOf([member]),
      share: this,
    });
  }

  /** The next member that is connected; if none is, the next one, whose session keeps the message. */
  #choose(): Subscription | undefined {
    const count = this.#members.length;
    for (const wantConnected of [true, false]) {
      for (let step = 0; step < count; step++) {
        const index = (this.#next + step) % count;
        const member = this.#members[index];
        if (!member || (wantConnected && !member.subscriber.connected)) continue;
        this.#next = (index + 1) % count;
        return member;
      }
    }
    return undefined;
  }
}
