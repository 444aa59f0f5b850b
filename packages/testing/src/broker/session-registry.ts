// SPDX-License-Identifier: Apache-2.0

import { Session, type SessionHost } from "./session.js";

/** All sessions, by Client Identifier. [MQTT-3.1.3-2] Lives as long as the broker. */
export class SessionRegistry {
  readonly #host: SessionHost;
  readonly #sessions: Map<string, Session> = new Map();

  constructor(host: SessionHost) {
    this.#host = host;
  }

  /**
   * The session for an accepted CONNECT. Whoever has it loses it first [MQTT-3.1.4-3]; with `cleanStart` what was there
   * is over [MQTT-3.1.2-4]. `present` says whether it existed before.
   */
  open(clientId: string, cleanStart: boolean): { session: Session; present: boolean } {
    this.#sessions.get(clientId)?.takeOver();
    if (cleanStart) this.#sessions.get(clientId)?.end();
    const existing = this.#sessions.get(clientId); // [MQTT-3.1.2-5]
    const session = existing ?? new Session(clientId, this.#host); // [MQTT-3.1.2-6]
    this.#sessions.set(clientId, session);
    return { session, present: existing !== undefined };
  }

  get(clientId: string): Session | undefined {
    return this.#sessions.get(clientId);
  }

  remove(session: Session): void {
    if (this.#sessions.get(session.clientId) === session) this.#sessions.delete(session.clientId);
  }

  all(): readonly Session[] {
    return [...this.#sessions.values()];
  }
}
