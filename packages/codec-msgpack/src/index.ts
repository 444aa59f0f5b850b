// SPDX-License-Identifier: Apache-2.0
export { MsgpackCodecError } from "./error.js";
export { msgpack } from "./msgpack.js";
export type { MsgpackOptions } from "./options.js";
