import type { EntryFiles } from "../paths.ts";
import type { Checksum } from "./checksum.ts";
import type { EntryRecord } from "./record.ts";

/** What is read again. */
export interface VerifyTask {
  readonly files: EntryFiles;
  readonly record: EntryRecord;
  readonly checksum: Checksum;
}

/** What the Worker says; `done` and `failed` are the last word. */
export type FromVerifier =
  | { readonly kind: "progress"; readonly bytes: number }
  /** @property trouble what is wrong, for people; null when every byte is right. */
  | { readonly kind: "done"; readonly trouble: string | null }
  /** It could not be found out. */
  | { readonly kind: "failed"; readonly message: string };
