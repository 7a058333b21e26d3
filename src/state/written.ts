import type { Allocation } from "../allocation/allocation.ts";
import type { Node } from "../node/node.ts";
import type { Evaluation, JobRecord } from "./records.ts";

/** What a change wrote, or what changed of the node, which nobody writes. */
export type Written =
  | {
      readonly kind: "job";
      /** Without its submission. */
      readonly record: JobRecord;
      /** True when it was forgotten; the record is the one that it had. */
      readonly purged: boolean;
    }
  | {
      readonly kind: "allocation";
      readonly allocation: Allocation;
      /** Its record until then; undefined for a new one and where it was not known. */
      readonly before: Allocation | undefined;
    }
  | { readonly kind: "evaluation"; readonly evaluation: Evaluation }
  | {
      readonly kind: "node";
      readonly node: Node;
      /** Whether machines may be placed there, or how it is drained; undefined for what the host is. */
      readonly change?: "eligibility" | "drain";
    };

/** @param weight characters of what was written. */
export type WrittenListener = (written: Written, weight: number) => void;

/** Who is told of what the store writes, in the transaction that writes it. */
export class StoreListeners {
  readonly #ids: ((allocationId: string) => void)[] = [];
  readonly #changes: WrittenListener[] = [];

  /** Adds one for the ids of allocations. */
  ofIds(listener: (allocationId: string) => void): void {
    this.#ids.push(listener);
  }

  /** Adds one for everything. */
  ofChanges(listener: WrittenListener): void {
    this.#changes.push(listener);
  }

  tellId(allocationId: string): void {
    for (const tell of this.#ids) tell(allocationId);
  }

  tellChange: WrittenListener = (written, weight) => {
    for (const tell of this.#changes) tell(written, weight);
  };

  /** What a submission weighs is not kept. */
  tellJob(record: JobRecord, purged: boolean, text: string): void {
    const { submission } = record;
    const weight = text.length - (submission?.source.length ?? 0);
    this.tellChange({ kind: "job", record: { ...record, submission: null }, purged }, Math.max(0, weight));
  }
}
