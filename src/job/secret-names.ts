import { secretNames } from "../hcl/secret-lines.ts";
import { fileBlock } from "./schema/job.ts";

/**
 * The attributes and blocks of a job file whose values are never shown: those of the description, and what a password may be set by or
 * compared with before it gets there.
 */
export const SECRET_NAMES: ReadonlySet<string> = new Set([
  ...secretNames(fileBlock, "hcl"),
  ...["default", "condition", "variables", "locals", "for_each"],
]);
