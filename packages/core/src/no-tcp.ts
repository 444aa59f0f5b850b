// SPDX-License-Identifier: Apache-2.0
import type { TlsOptions, Transport } from "./transport.js";

/** Stands for `tcp` where there are no sockets: in browsers. */
export function tcp(_tls: TlsOptions): Transport {
  return {
    connect: () =>
      Promise.reject(new Error("there is no TCP on this platform; pass a transport, such as one over WebSocket")),
  };
}
