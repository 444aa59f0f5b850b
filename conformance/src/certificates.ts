// SPDX-License-Identifier: Apache-2.0
// The certificates of every broker and proxy of the suite: for tests only, see their README.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

function path(name: string): string {
  return fileURLToPath(new URL(`../certificates/${name}`, import.meta.url));
}

export const certificateFiles = { ca: path("ca.pem"), cert: path("cert.pem"), key: path("key.pem") } as const;

/** What a client trusts. */
export const ca: Buffer = readFileSync(certificateFiles.ca);
/** What a server shows. */
export const serverTls: { readonly cert: Buffer; readonly key: Buffer } = {
  cert: readFileSync(certificateFiles.cert),
  key: readFileSync(certificateFiles.key),
};
