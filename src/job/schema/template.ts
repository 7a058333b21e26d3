import { SECOND } from "../../base/units.ts";
import { attribute, block, converted, ignored, optional } from "../../hcl/describe.ts";
import { choice, duration, flag, integer, list, text } from "../../hcl/leaf.ts";
import type { Template } from "../job.ts";
import { durationAs } from "./without-effect.ts";

const NEVER_AGAIN = "has no effect: a template is rendered before each start of its machine, and never while it runs";

const waitBlock = block({
  min: attribute(duration(), { json: "Min" }),
  max: attribute(duration(), { json: "Max" }),
});

const changeScriptBlock = block({
  command: attribute(text(), { json: "Command", required: true }),
  args: attribute(list(text()), { json: "Args", default: [] }),
  timeout: attribute(duration(), { json: "Timeout", default: 5 * SECOND }),
  fail_on_error: attribute(flag(), { json: "FailOnError", default: false }),
  run_on_first_render: attribute(flag(), { json: "RunOnFirstRender", default: false }),
});

const writtenBlock = block({
  source: attribute(text(), { json: "SourcePath", default: "" }),
  destination: attribute(text(), { json: "DestPath", default: "" }),
  data: attribute(text(), { json: "EmbeddedTmpl", default: "", secret: true }),
  change_mode: attribute(choice(["restart", "noop", "signal", "script"]), { json: "ChangeMode", default: "restart" }),
  change_signal: attribute(text(), { json: "ChangeSignal" }),
  change_script: optional(changeScriptBlock, { json: "ChangeScript" }),
  once: attribute(flag(), { json: "Once", default: false }),
  splay: attribute(duration(), { json: "Splay", default: 5 * SECOND }),
  perms: attribute(text(), { json: "Perms", default: "0644" }),
  uid: attribute(integer({ min: -1 }), { json: "Uid" }),
  gid: attribute(integer({ min: -1 }), { json: "Gid" }),
  left_delimiter: attribute(text(), { json: "LeftDelim", default: "{{" }),
  right_delimiter: attribute(text(), { json: "RightDelim", default: "}}" }),
  env: attribute(flag(), { json: "Envvars", default: false }),
  error_on_missing_key: attribute(flag(), { json: "ErrMissingKey", default: false }),
  wait: optional(waitBlock, { json: "Wait" }),
  vault_grace: ignored(NEVER_AGAIN, { json: "VaultGrace", encoded: 0, as: durationAs("VaultGrace") }),
});

/** `template { … }`, with Nomad's defaults. What is about changes while the machine runs is kept, and told to mean nothing. */
export const templateBlock = converted(writtenBlock, {
  read: ({ change_signal: signal, ...raw }): Template => ({
    ...raw,
    change_signal: signal?.toUpperCase() ?? (raw.change_mode === "signal" ? "SIGHUP" : ""),
    left_delimiter: raw.left_delimiter || "{{",
    right_delimiter: raw.right_delimiter || "}}",
  }),
  write: (template) => ({ uid: undefined, gid: undefined, wait: undefined, change_script: undefined, ...template }),
});
