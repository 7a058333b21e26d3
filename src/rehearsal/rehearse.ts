import type { Rehearse } from "../cli/command.ts";
import { explainTask } from "./explain.ts";
import { onThisHost } from "./host.ts";

/** What a machine of a job file would be, for `paddock explain FILE`. @throws AppError as `onThisHost` and `explainTask` do. */
export const rehearseExplain: Rehearse["explain"] = (args, task, warn) =>
  onThisHost(args, warn, (context) => explainTask(context, task));
