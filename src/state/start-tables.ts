import { ENDS_KEPT, type PostMortem } from "../allocation/post-mortem.ts";
import type { LaunchPlan } from "../qemu/launch.ts";
import type { Rows } from "./rows.ts";

/** What is kept of each start of a machine: how it was started, and how it ended. */
export function startTables(rows: Rows) {
  return {
    putLaunch: (allocationId: string, task: string, generation: number, plan: LaunchPlan) => {
      rows.run(
        `INSERT INTO launches (allocation_id, task, generation, plan) VALUES (?, ?, ?, ?)
           ON CONFLICT (allocation_id, task, generation) DO UPDATE SET plan = excluded.plan`,
        allocationId,
        task,
        generation,
        JSON.stringify(plan),
      );
      // The machine that runs now, and those whose ends are kept.
      rows.run(
        "DELETE FROM launches WHERE allocation_id = ? AND task = ? AND generation < ?",
        allocationId,
        task,
        generation - ENDS_KEPT,
      );
    },
    launch: (allocationId: string, task: string, generation: number) =>
      rows.one<LaunchPlan>(
        "SELECT plan AS record FROM launches WHERE allocation_id = ? AND task = ? AND generation = ?",
        allocationId,
        task,
        generation,
      ),
    lastLaunch: (allocationId: string, task: string) =>
      rows.one<LaunchPlan>(
        "SELECT plan AS record FROM launches WHERE allocation_id = ? AND task = ? ORDER BY generation DESC LIMIT 1",
        allocationId,
        task,
      ),
    putPostMortem: (allocationId: string, task: string, postMortem: PostMortem) => {
      rows.run(
        `INSERT INTO post_mortems (allocation_id, task, generation, record) VALUES (?, ?, ?, ?)
           ON CONFLICT (allocation_id, task, generation) DO UPDATE SET record = excluded.record`,
        allocationId,
        task,
        postMortem.generation,
        JSON.stringify(postMortem),
      );
      rows.run(
        "DELETE FROM post_mortems WHERE allocation_id = ? AND task = ? AND generation <= ?",
        allocationId,
        task,
        postMortem.generation - ENDS_KEPT,
      );
    },
    postMortems: (allocationId: string, task: string) =>
      rows.all<PostMortem>(
        "SELECT record FROM post_mortems WHERE allocation_id = ? AND task = ? ORDER BY generation DESC",
        allocationId,
        task,
      ),
  };
}
