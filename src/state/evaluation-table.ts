import { decidedAt } from "./collection-tables.ts";
import type { Evaluation } from "./records.ts";
import type { Rows } from "./rows.ts";
import type { StoreListeners } from "./written.ts";

/** The evaluations of a store. */
export function evaluationTable(rows: Rows, listeners: StoreListeners) {
  return {
    putEvaluation: (evaluation: Evaluation) => {
      const text = JSON.stringify(evaluation);
      rows.run(
        `INSERT INTO evaluations (id, job_id, create_index, decided_at, record) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET decided_at = excluded.decided_at, record = excluded.record`,
        evaluation.id,
        evaluation.jobId,
        evaluation.createIndex,
        decidedAt(evaluation),
        text,
      );
      listeners.tellChange({ kind: "evaluation", evaluation }, text.length);
    },
    evaluation: (id: string) => rows.one<Evaluation>("SELECT record FROM evaluations WHERE id = ?", id),
    evaluations: ({ jobId }: { readonly jobId?: string }) =>
      jobId === undefined
        ? rows.all<Evaluation>("SELECT record FROM evaluations ORDER BY create_index, id")
        : rows.all<Evaluation>("SELECT record FROM evaluations WHERE job_id = ? ORDER BY create_index, id", jobId),
  };
}
