// SPDX-License-Identifier: Apache-2.0
import type { MqttError } from "@mqttv5/core";
import type { MemberFailure, MemberResult, MemberSuccess } from "./group-error.js";
import type { Member } from "./member.js";

/** One call to several members. */
export interface Plan<T> {
  readonly members: readonly Member[];
  /** How many have to succeed. */
  readonly needed: number;
  /** One after the other, in order; default all at once. */
  readonly sequential?: boolean;
  /** Whether the call waits for a member that has not answered, although the others have decided how it ends. */
  readonly waitsFor: (member: Member) => boolean;
  readonly run: (member: Member) => Promise<T>;
}

type Settled<T> = MemberSuccess<T> | MemberFailure;

/**
 * Asks the members. Resolves when all have answered, or when the result is certain and nobody is left that is worth waiting for, so that
 * a dead broker does not hold up what the others have decided. Never rejects.
 */
export function gather<T>(plan: Plan<T>): Promise<readonly MemberResult<T>[]> {
  return new Promise((resolve) => new Gathering(plan, resolve).review());
}

/** One call under way. Ends when it resolves. */
class Gathering<T> {
  readonly #plan: Plan<T>;
  readonly #resolve: (results: readonly MemberResult<T>[]) => void;
  readonly #outcomes: Promise<Settled<T>>[] = [];
  readonly #results: (Settled<T> | undefined)[] = [];
  #succeeded = 0;
  #failed = 0;
  #over = false;
  #unfollow: (() => void)[] = [];

  constructor(plan: Plan<T>, resolve: (results: readonly MemberResult<T>[]) => void) {
    this.#plan = plan;
    this.#resolve = resolve;
  }

  /** Looks at what has to happen next; called whenever something has changed. */
  review(): void {
    if (this.#over) return;
    const { members, sequential = false } = this.#plan;
    for (const member of members.slice(this.#outcomes.length)) {
      if (sequential && this.#held(this.#outcomes.length - 1)) break;
      this.#ask(member);
    }
    if (this.#succeeded + this.#failed === members.length) this.#finish();
    else if (!this.#decided) {
      if (sequential) this.#follow();
    } else if (this.#outcomes.length === members.length && !members.some((_, index) => this.#held(index))) {
      this.#finish();
    } else this.#follow();
  }

  get #decided(): boolean {
    const { members, needed } = this.#plan;
    return this.#succeeded >= needed || this.#failed > members.length - needed;
  }

  /** Whether the member at `index` was asked, has not answered, and is worth waiting for. */
  #held(index: number): boolean {
    const member = this.#plan.members[index];
    return member !== undefined && this.#results[index] === undefined && this.#plan.waitsFor(member);
  }

  #ask(member: Member): void {
    const index = this.#outcomes.length;
    const outcome = this.#answer(member);
    this.#outcomes.push(outcome);
    void outcome.then((result) => {
      this.#results[index] = result;
      if (result.status === "fulfilled") this.#succeeded++;
      else this.#failed++;
      this.review();
    });
  }

  async #answer(member: Member): Promise<Settled<T>> {
    try {
      return { member: member.name, status: "fulfilled", value: await this.#plan.run(member) };
    } catch (error) {
      return { member: member.name, status: "rejected", error: error as MqttError };
    }
  }

  #follow(): void {
    if (this.#unfollow.length > 0) return;
    this.#unfollow = this.#plan.members.map((member) => member.follow(() => this.review()));
  }

  #finish(): void {
    this.#over = true;
    for (const unfollow of this.#unfollow) unfollow();
    this.#resolve(
      this.#plan.members.map(
        ({ name }, index) =>
          this.#results[index] ?? {
            member: name,
            status: "pending",
            outcome: this.#outcomes[index] as Promise<Settled<T>>,
          },
      ),
    );
  }
}
