import { AppError } from "../base/errors.ts";
import { nearestName, orList } from "../base/text.ts";
import type { Emulator, QemuFacts } from "../node/node.ts";

const PREFIX = "qemu-system-";
const bareName = (name: string): string => (name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name);

/**
 * The emulator of a task.
 * @param name `config.emulator`, with or without `qemu-system-`.
 * @param allowlist the agent's `emulators_allowlist`, spelled either way; empty allows all.
 * @throws AppError `invalid` for one that is not allowed, `unavailable` when there is no QEMU at all, `unplaceable` for one that
 * this node does not have.
 */
export function chooseEmulator(name: string, qemu: QemuFacts, allowlist: readonly string[]): Emulator {
  const wanted = bareName(name);
  if (allowlist.length > 0 && !allowlist.map(bareName).includes(wanted)) {
    throw new AppError("invalid", `config.emulator: ${JSON.stringify(name)} is not an allowed emulator`, {
      hint: `emulators_allowlist of the agent has ${orList(allowlist)}`,
    });
  }
  const found = qemu.emulators.find((emulator) => emulator.name === wanted);
  if (found !== undefined) return found;
  if (qemu.emulators.length === 0) {
    throw new AppError("unavailable", `QEMU is not usable on this node: ${qemu.description || "not found"}`, {
      hint: `install the package that has ${PREFIX}${wanted}, for example qemu-system-x86 on Debian`,
    });
  }
  const names = qemu.emulators.map((emulator) => emulator.name);
  const near = nearestName(wanted, names);
  throw new AppError(
    "unplaceable",
    `config.emulator: this node has no ${JSON.stringify(PREFIX + wanted)}, only ${orList(names)}`,
    {
      hint: near === undefined ? undefined : `did you mean ${JSON.stringify(near)}?`,
    },
  );
}
