import { AppError } from "../base/errors.ts";
import type { QemuConfig } from "../job/job.ts";
import type { KvmFacts } from "../node/node.ts";
import { ownKvm, readArguments } from "./arguments.ts";

/**
 * Refuses an accelerator that this node cannot offer, asked for in `accelerator` or in `args`.
 * @throws AppError `unsupported` for anything but tcg and kvm, `unplaceable` with the probe's reason for KVM that does not work.
 */
export function assertAccelerator(
  { accelerator, args }: Pick<QemuConfig, "accelerator" | "args">,
  kvm: KvmFacts,
): void {
  if (accelerator !== "tcg" && accelerator !== "kvm") {
    throw new AppError("unsupported", `config.accelerator: expected tcg or kvm, found ${JSON.stringify(accelerator)}`);
  }
  if (kvm.usable) return;
  if (accelerator === "kvm") throw unusable('config.accelerator: "kvm"', kvm, 'use accelerator = "tcg"');
  const own = ownKvm(readArguments(args));
  if (own === undefined) return;
  throw unusable(`config.args: ${JSON.stringify(own)}`, kvm, 'leave it out and use accelerator = "tcg"');
}

function unusable(subject: string, kvm: KvmFacts, hint: string): AppError {
  return new AppError("unplaceable", `${subject} does not work on this node: ${kvm.reason}`, { hint });
}
