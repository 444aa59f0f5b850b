// SPDX-License-Identifier: Apache-2.0
import { MqttError } from "./errors.js";
import type { TlsOptions, Transport } from "./transport.js";

/** Stands for `tcp` where there are no sockets: in browsers. */
export function tcp(_tls: TlsOptions): Transport {
  return {
    connect: () =>
      Promise.reject(
        new MqttError(
          "CONNECT_FAILED",
          "There is no TCP on this platform: pass a transport, such as one over WebSocket",
        ),
      ),
  };
}
