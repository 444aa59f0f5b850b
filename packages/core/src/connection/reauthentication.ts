// SPDX-License-Identifier: Apache-2.0
import { reasonName } from "@mqttv5/wire";
import { MqttError, ReasonCodeError } from "../errors.js";

/** One re-authentication, from the call until the broker has concluded it, whoever still waits. */
export class Reauthentication {
  /** Settles once. Whoever asked for it handles its rejection. */
  readonly concluded: Promise<void>;
  readonly #controller = new AbortController();
  #resolve!: () => void;
  #reject!: (error: MqttError) => void;
  /** Its AUTH has left: the broker will have the last word. */
  sent = false;

  constructor() {
    this.concluded = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Aborts when it can't come to a good end any more. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  succeed(): void {
    this.#resolve();
  }

  /** The caller waits no longer; the broker may still conclude. */
  leave(error: MqttError): void {
    this.#reject(error);
  }

  fail(error: MqttError): void {
    this.#reject(error);
    this.#controller.abort(error);
  }

  /** What the end of the connection means for it. */
  interrupted(cause: MqttError): void {
    const delivery = this.sent ? "unknown" : "not-sent";
    if (this.sent && cause.code === "SERVER_DISCONNECTED" && cause instanceof ReasonCodeError) {
      const text = `The broker rejected the re-authentication: ${reasonName(cause.reasonCode)}`;
      this.fail(new ReasonCodeError("REAUTH_REJECTED", text, cause, { cause, delivery: "refused" }));
    } else if (cause.code === "CLOSED") {
      this.fail(new MqttError("CLOSED", "The client was closed", { delivery }));
    } else {
      const text = "The connection ended before the re-authentication did";
      this.fail(new MqttError("NOT_CONNECTED", text, { cause, delivery }));
    }
  }
}
