/** What is copied. The descriptors are the process's, and stay open until the Worker has said its last word or has ended. */
export interface CopyTask {
  /** Open for reading. */
  readonly from: number;
  /** Open for reading and writing, of an empty file. */
  readonly to: number;
  /** Bytes that the copy gets, at least as many as there are. */
  readonly size: number;
  /** The cache's directory: entries that nobody uses make room; null when none of them may go. */
  readonly cache: string | null;
}

export type ToCopier = { readonly kind: "start"; readonly task: CopyTask } | { readonly kind: "cancel" };

/** What the Worker says last. */
export type FromCopier =
  | { readonly kind: "done" }
  /** @property why there is no room for it, for people. */
  | { readonly kind: "no room"; readonly why: string }
  | { readonly kind: "failed"; readonly message: string };
