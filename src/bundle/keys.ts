import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { AppError } from "../base/errors.ts";

/** Length of an ed25519 signature in bytes (RFC 8032). */
export const SIGNATURE_BYTES = 64;

/** Longest file of keys that is read, in bytes: some thousand keys. */
export const MAX_KEYS = 1 << 20;

export interface SigningKey {
  /** As `keyId` tells. */
  readonly id: string;
  sign(message: Uint8Array): Buffer;
}

export interface TrustedKey {
  /** As `keyId` tells. */
  readonly id: string;
  verify(message: Uint8Array, signature: Uint8Array): boolean;
}

/** A new pair, as PEM. */
export function makeKeys(): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

/**
 * Reads a private key (PEM, PKCS #8).
 * @param name what messages call it by; nothing of the key is told.
 * @throws AppError `invalid`.
 */
export function readSigningKey(pem: string, name: string): SigningKey {
  const key = parse(() => createPrivateKey(pem), `${name}: expected a private key in PEM without a password`);
  assertEd25519(key, name);
  return { id: keyId(createPublicKey(key)), sign: (message) => sign(null, message, key) };
}

/**
 * Reads all public keys of a text (PEM, as `openssl pkey -pubout` writes them); what stands between them is for people.
 * @param name what messages call it by.
 * @throws AppError `invalid` when there is none.
 */
export function readTrustedKeys(pem: string, name: string): TrustedKey[] {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw new AppError("invalid", `${name}: expected public keys, found a private one`, {
      hint: "keep that one where bundles are made, and give the .pub file that was made with it",
    });
  }
  const blocks = pem.match(/-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----/g) ?? [];
  if (blocks.length === 0) {
    throw new AppError("invalid", `${name}: expected public keys in PEM, found none`, {
      hint: "paddock image key makes a pair of keys",
    });
  }
  return blocks.map((block) => {
    const key = parse(() => createPublicKey(block), `${name}: one of its public keys is damaged`);
    assertEd25519(key, name);
    return { id: keyId(key), verify: (message, signature) => verify(null, message, key, signature) };
  });
}

/** What a key is known by: the sha256 of its public half (DER, SPKI), in hex. */
function keyId(key: KeyObject): string {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex");
}

/** The beginning of a key's id, for people. */
export const shortKey = (id: string): string => id.slice(0, 16);

function parse(read: () => KeyObject, message: string): KeyObject {
  try {
    return read();
  } catch {
    // What the runtime says of a private key is not repeated.
    throw new AppError("invalid", message, { hint: "paddock image key makes a pair of keys" });
  }
}

function assertEd25519(key: KeyObject, name: string): void {
  if (key.asymmetricKeyType === "ed25519") return;
  throw new AppError("invalid", `${name}: expected an ed25519 key, found ${key.asymmetricKeyType ?? "another one"}`, {
    hint: "paddock image key makes one, openssl genpkey -algorithm ed25519 too",
  });
}
