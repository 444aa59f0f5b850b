// SPDX-License-Identifier: Apache-2.0
// The entry for browsers, Deno and Bun; index.ts has the same names for Node.
export { WsError, type WsErrorCode } from "./error.js";
export { ws } from "./web-transport.js";
export type { WsAgent, WsOptions, WsRequest } from "./options.js";
