// SPDX-License-Identifier: Apache-2.0
// The counterpart in the client's own process, without a socket: for work that is counted, and for a thousand clients.
import { systemClock } from "@mqttv5/core";
import { Endpoint } from "./endpoint.mjs";

/** As much of a socket as `Endpoint` uses. */
class MemorySocket {
  #handlers = {};
  #send;

  constructor(send) {
    this.#send = send;
  }

  setNoDelay() {}

  on(event, handler) {
    this.#handlers[event] = handler;
  }

  emit(event, value) {
    this.#handlers[event]?.(value);
  }

  write(bytes) {
    this.#send(bytes);
    return true;
  }

  destroy() {}

  end() {}
}

/**
 * A transport for `new Client` whose other side is an `Endpoint`. Bytes arrive in a later turn, all of one turn together. It
 * counts what the client makes of it: `writes`, `bytes`, and `timers` and `turns` if the client is given its `clock`.
 */
export class MemoryTransport {
  writes = 0;
  bytes = 0;
  timers = 0;
  turns = 0;
  endpoint;
  /** While false, dialling waits. */
  reachable = true;
  #events;
  #link;

  constructor(events = {}) {
    this.#events = events;
    const clock = systemClock();
    this.clock = {
      ...clock,
      schedule: (delay, callback) => {
        this.timers++;
        return clock.schedule(delay, callback);
      },
      afterTurn: (callback) => {
        this.turns++;
        clock.afterTurn(callback);
      },
    };
  }

  async connect() {
    while (!this.reachable) await new Promise((resolve) => setTimeout(resolve, 1));
    let receiver;
    const toClient = queue((chunk) => receiver?.received(chunk));
    const socket = new MemorySocket(toClient);
    const toEndpoint = queue((chunk) => socket.emit("data", chunk));
    this.endpoint = new Endpoint(socket, this.#events);
    const link = {
      pendingBytes: 0,
      open: (given) => {
        receiver = given;
      },
      send: (chunk) => {
        this.writes++;
        this.bytes += chunk.length;
        toEndpoint(chunk);
        return true;
      },
      pause() {},
      resume() {},
      end: () => link.destroy(),
      destroy: () => {
        const open = receiver;
        receiver = undefined;
        if (open !== undefined) setImmediate(() => open.closed());
      },
    };
    this.#link = link;
    return link;
  }

  /** The line breaks. */
  cut() {
    this.#link.destroy();
  }
}

/** Passes on in a later turn. */
function queue(deliver) {
  let chunks = [];
  return (chunk) => {
    chunks.push(chunk);
    if (chunks.length > 1) return;
    setImmediate(() => {
      const all = chunks;
      chunks = [];
      for (const each of all) deliver(each);
    });
  };
}
