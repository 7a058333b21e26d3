import { quoteFound } from "../../hcl/content.ts";
import type { Reporter } from "../../hcl/places.ts";
import { isTemplate } from "../../hcl/syntax/embedded.ts";
import { readDiskSize } from "../disk-mode.ts";
import type { Group, QemuConfig, Resources, Task } from "../job.ts";
import { checkArtifact } from "./artifact.ts";
import { checkConstraints } from "./constraint.ts";
import { checkTaskName } from "./names.ts";
import { knownPorts } from "./network.ts";
import { checkTemplates } from "./template.ts";

export const QEMU_DRIVER = "qemu";

/** Nomad's bounds of a machine's memory in MiB (drivers/qemu). */
const MEMORY = { min: 128, max: 4_000_000 };

const ACCELERATORS = ["tcg", "kvm"];
const DRIVE_INTERFACES = ["ide", "scsi", "sd", "mtd", "floppy", "pflash", "virtio", "none"];

/** Words that become part of an option of QEMU: nothing in them may begin another. */
const PLAIN_WORD = /^[A-Za-z0-9._-]+$/;

/** Checks a task of a group; paths begin at the task. */
export function checkTask(task: Task, group: Group, report: Reporter): void {
  checkTaskName(report, task.name);
  if (task.driver !== QEMU_DRIVER) {
    report.must("driver", `be "${QEMU_DRIVER}", found ${quoteFound(task.driver)}`, "no other driver is built in");
  } else checkConfig(task.config, group, report);
  checkResources(task.resources, report);
  checkLogs(task, group, report);
  checkConstraints(task.constraints, report, "task");
  task.artifacts.forEach((artifact, index) => {
    checkArtifact(artifact, report.at(`artifacts[${index}]`));
  });
  checkTemplates(task, report);
  if (task.kill_signal !== "") {
    report.warn("kill_signal", "kill_signal has no effect: a machine knows no signals, only its power button");
  }
  if (task.user !== "") {
    report.error(
      "user",
      "user is not supported yet",
      "leave it out: root's agent gives each machine a user of its own, and any other runs them as itself",
    );
  }
}

function checkConfig(config: QemuConfig, group: Group, report: Reporter): void {
  const { image_path: image } = config;
  if (image === "") report.must("config.image_path", "be set");
  if (/[\u0000-\u001f\u007f]/.test(image)) report.must("config.image_path", "hold no control character");
  checkWord(report, "config.accelerator", config.accelerator, ACCELERATORS);
  checkWord(report, "config.drive_interface", config.drive_interface, DRIVE_INTERFACES);
  checkWord(report, "config.machine_type", config.machine_type);
  checkWord(report, "config.emulator", config.emulator);
  if (config.guest_agent && !config.graceful_shutdown) {
    report.warn(
      "config.guest_agent",
      "the guest agent is not asked to shut the guest down: graceful_shutdown is false",
      "use graceful_shutdown = true to have it asked before the power button is pressed",
    );
  }
  config.args.forEach((arg, index) => {
    if (arg.includes("\0")) report.must(`config.args[${index}]`, "hold no NUL");
  });
  checkPortMap(config, group, report);
  checkDisk(config, report);
}

function checkDisk({ image_path: image, disk, disk_size: size }: QemuConfig, report: Reporter): void {
  if (size === undefined) return;
  // What no artifact brings is used in place, unless the job says otherwise.
  if (disk === "direct" || (disk === undefined && image.startsWith("/"))) {
    const hint = 'use disk = "overlay", or grow the image with qemu-img resize before the machine starts';
    report.error("config.disk_size", "disk_size needs a disk of its own: this image is used in place", hint);
  }
  if (isTemplate(size) || readDiskSize(size) !== undefined) return;
  const expected = 'be a size such as "20GiB" (KiB, MiB, GiB, TiB; a multiple of 512 bytes)';
  report.must("config.disk_size", `${expected}, found ${quoteFound(size)}`);
}

/** What holds `${…}` is known, and checked, when the machine is about to start. */
function checkWord(report: Reporter, path: string, word: string, known?: readonly string[]): void {
  if (isTemplate(word)) return;
  if (known !== undefined) {
    if (!known.includes(word)) report.must(path, `be one of ${known.join(", ")}, found ${quoteFound(word)}`);
  } else if (!PLAIN_WORD.test(word)) {
    report.must(path, `hold only letters, digits, ".", "_" and "-", found ${quoteFound(word)}`);
  }
}

function checkPortMap(config: QemuConfig, group: Group, report: Reporter): void {
  const { labels, text: found } = knownPorts(group);
  for (const label of Object.keys(config.port_map)) {
    if (labels.has(label)) continue;
    const hint = `write network { port ${JSON.stringify(label)} {} } in the group`;
    report.error(
      `config.port_map.${label}`,
      `port_map names port ${quoteFound(label)}, which no network block has: ${found}`,
      hint,
    );
  }
}

function checkResources(resources: Resources, report: Reporter): void {
  const { cpu, cores, memory, memory_max: most } = resources;
  if (cores > 0 && cpu > 0) report.error("resources.cores", "a task asks for cpu or for cores, not for both");
  if (cores === 0 && cpu < 1) report.must("resources.cpu", `be 1 or more, found ${cpu}`);
  if (memory < MEMORY.min || memory > MEMORY.max) {
    report.must("resources.memory", `be from ${MEMORY.min} to ${MEMORY.max} MiB for a machine, found ${memory}`);
  }
  if (most > 0 && most < memory) {
    report.must("resources.memory_max", `be memory (${memory}) or more, found ${most}`);
  }
}

/** Nomad: what the logs may grow to is less than the disk of the group. */
function checkLogs({ logs }: Task, group: Group, report: Reporter): void {
  const needed = logs.max_files * logs.max_file_size;
  const { size } = group.ephemeral_disk;
  if (logs.disabled || needed < size) return;
  const message = `logs may grow to ${needed} MB (max_files times max_file_size), which is not less than ephemeral_disk.size, ${size} MB`;
  report.error("logs.max_files", message, "use fewer or smaller files, or a larger ephemeral_disk");
}
