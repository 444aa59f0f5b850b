// SPDX-License-Identifier: Apache-2.0
// The certificates of the conformance suite: for tests only, see their README.
import { readFileSync } from "node:fs";

const read = (name: string): Buffer =>
  readFileSync(new URL(`../../../conformance/certificates/${name}`, import.meta.url));

/** What a server shows, and who signed it. */
export const certificate: { readonly cert: Buffer; readonly key: Buffer; readonly ca: Buffer } = {
  cert: read("cert.pem"),
  key: read("key.pem"),
  ca: read("ca.pem"),
};
