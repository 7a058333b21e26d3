import { AppError } from "../base/errors.ts";
import { bundleError } from "./failure.ts";
import { shortKey, type TrustedKey } from "./keys.ts";
import type { LoadedBundles } from "./loaded.ts";
import type { Opening } from "./read.ts";

/** Whom somebody who loads bundles believes. */
export interface Trust {
  readonly keys: readonly TrustedKey[];
  /** Takes bundles without a signature. */
  readonly allowUnsigned: boolean;
}

/**
 * Decides whether a bundle is from somebody who is trusted, and no older than what that one has sent before. The last bundle of a key
 * may come again: its entries may have gone from the cache since.
 * @param loaded what was loaded before.
 * @throws AppError `invalid`; `conflict` for a bundle that is older.
 */
export function judge(
  { manifest, text, signature, digest }: Opening,
  { keys, allowUnsigned }: Trust,
  loaded: LoadedBundles,
): void {
  const { key, sequence } = manifest;
  if (key === null || signature === null) {
    if (allowUnsigned) return;
    throw bundleError("it is not signed", "sign it with paddock image bundle -key, or say -allow-unsigned");
  }
  if (keys.length === 0) {
    throw bundleError(`it is signed with key ${shortKey(key)}, and no key is trusted here`, TRUST);
  }
  const trusted = keys.find(({ id }) => id === key);
  if (trusted === undefined) {
    const known = keys.map(({ id }) => shortKey(id)).join(", ");
    throw bundleError(`it is signed with key ${shortKey(key)}, which is not trusted here (${known})`, TRUST);
  }
  if (!trusted.verify(text, signature)) {
    throw bundleError(`its signature by key ${shortKey(key)} is wrong: it was changed after it was signed`, SEND_ANEW);
  }
  const before = loaded[key];
  if (before === undefined || sequence > before.sequence || digest === before.digest) return;
  const found = `it has sequence ${sequence}, and ${before.sequence} of the same key was loaded before`;
  throw new AppError("conflict", `the bundle is refused: ${found}: it is an old one`, {
    hint: "bring the newest bundle, or make one with a higher -sequence if the clock was wrong where it was made",
  });
}

const TRUST = "name the file of its public key in client.trusted_keys of the agent's configuration, or with -trust";
const SEND_ANEW = "do not use it; have it copied again from where it was made";
