// SPDX-License-Identifier: Apache-2.0
// The entry for Node; web.ts has the same names for all other platforms.
export { WsError, type WsErrorCode } from "./error.js";
export { ws } from "./node-transport.js";
export type { WsAgent, WsOptions, WsRequest } from "./options.js";
