// SPDX-License-Identifier: Apache-2.0

/** The only file that names Web Crypto and the platform's Base64: in Node 20, Deno, Bun and browsers alike. */

interface Key {
  readonly type: string;
}

interface Platform {
  readonly crypto: {
    readonly subtle: {
      digest(algorithm: "SHA-256", data: Uint8Array): Promise<ArrayBuffer>;
      importKey(
        format: "raw",
        key: Uint8Array,
        algorithm: "PBKDF2" | { readonly name: "HMAC"; readonly hash: "SHA-256" },
        extractable: false,
        usages: readonly ("deriveBits" | "sign")[],
      ): Promise<Key>;
      sign(algorithm: "HMAC", key: Key, data: Uint8Array): Promise<ArrayBuffer>;
      deriveBits(
        algorithm: {
          readonly name: "PBKDF2";
          readonly hash: "SHA-256";
          readonly salt: Uint8Array;
          readonly iterations: number;
        },
        key: Key,
        bits: number,
      ): Promise<ArrayBuffer>;
    };
  };
  btoa(binary: string): string;
  atob(base64: string): string;
}

const platform = globalThis as unknown as Platform;

export async function sha256(data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await platform.crypto.subtle.digest("SHA-256", data));
}

export async function hmacSha256(key: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
  const { subtle } = platform.crypto;
  const imported = await subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await subtle.sign("HMAC", imported, data));
}

/** 32 bytes, by PBKDF2 with HMAC-SHA-256 (RFC 8018). */
export async function pbkdf2Sha256(password: Uint8Array, salt: Uint8Array, iterations: number): Promise<Uint8Array> {
  const { subtle } = platform.crypto;
  const key = await subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  return new Uint8Array(await subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, key, 256));
}

export function toBase64(bytes: Uint8Array): string {
  return platform.btoa(String.fromCharCode(...bytes));
}

/** Undefined for what is not Base64. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return undefined;
  return Uint8Array.from(platform.atob(text), (unit) => unit.charCodeAt(0));
}
