// SPDX-License-Identifier: Apache-2.0
import type { Properties } from "./properties.js";
import { bit } from "./property.js";
import type { Reader } from "./reader.js";
import type { Writer } from "./writer.js";

const method = /* @__PURE__ */ bit("AuthenticationMethod");
const data = /* @__PURE__ */ bit("AuthenticationData");

/** Received Authentication Data needs an Authentication Method. Section 3.1.2.11.10. */
export function checkMethod(reader: Reader, properties: Properties): void {
  if ((properties.present & (method | data)) === data)
    throw reader.forbidden("there is Authentication Data without a method");
}

/** Authentication Data to be sent needs an Authentication Method. */
export function requireMethod(writer: Writer, present: number): void {
  if ((present & (method | data)) === data) throw missingMethod(writer);
}

/** The error of a packet without its Authentication Method. */
export function missingMethod(writer: Writer): Error {
  return writer.fail("INVALID_FIELD", "properties.authenticationMethod", undefined, "must be there");
}
