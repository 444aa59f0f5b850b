// SPDX-License-Identifier: Apache-2.0
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";

/** Tells the counterpart what to do: one line of JSON, one line back. */
export class Control {
  #socket;
  #waiting = [];

  constructor(socket) {
    this.#socket = socket;
    createInterface({ input: socket }).on("line", (line) => this.#waiting.shift()?.(JSON.parse(line)));
  }

  static async open(port) {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    return new Control(socket);
  }

  ask(command, settings = {}) {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#socket.write(`${JSON.stringify({ do: command, ...settings })}\n`);
    });
  }

  /** Waits until the counterpart has all messages; throws if one was lost, repeated or out of order. */
  async finish() {
    const { error } = await this.ask("wait");
    if (error !== undefined) throw new Error(`the counterpart: ${error}`);
  }
}
