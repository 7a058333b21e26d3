import { readArtifactSource } from "../job/artifact-source.ts";
import type { Artifact, Job, Task } from "../job/job.ts";
import { reachesOut } from "../qemu/harmless.ts";

/** A part of a job that reaches out of its allocation. */
export interface Power {
  /** Where it stands, such as `group "vms" task "vm" config.args[2]`. */
  readonly where: string;
  /** What it does there, without values that may be secrets. */
  readonly why: string;
}

/**
 * What a job can do to its host beyond running a machine on what it has fetched. Whoever may run such a job can read files of the host, or
 * more, so a role that is for machines alone is not enough. What is put into a text when the task starts is taken for the worst.
 */
export function powersOf(job: Job): readonly Power[] {
  return job.groups.flatMap((group) =>
    group.tasks.flatMap((task) => {
      const where = `group "${group.name}" task "${task.name}"`;
      return powersOfTask(task).map((power) => ({ ...power, where: `${where} ${power.where}` }));
    }),
  );
}

function powersOfTask(task: Task): Power[] {
  const { config, artifacts, resources } = task;
  const puttingIn = mayPutIn(task);
  const isOwn = (path: string): boolean =>
    PLAIN_NAME.test(withoutVariables(path, puttingIn)) && isBelow(path, puttingIn);
  return [
    ...(isBelow(config.image_path, puttingIn)
      ? []
      : [{ where: "config.image_path", why: "names a file outside of the allocation" }]),
    ...(config.disk === "direct" ? [{ where: "config.disk", why: "lets the guest write to the image in place" }] : []),
    ...reachesOut(config.args, isOwn).map(({ index }) => ({
      where: `config.args[${index}]`,
      why: "may reach files, devices, networks or programs of the host",
    })),
    ...artifacts.flatMap((artifact, index) =>
      isFetched(artifact) ? [] : [{ where: `artifact[${index}].source`, why: "copies a file of the host" }],
    ),
    ...(resources.memory_max < 0 ? [{ where: "resources.memory_max", why: "takes away the limit of memory" }] : []),
  ];
}

/** Directories of the allocation that a path may begin with. */
const OWN_DIRECTORY = /^\$\{NOMAD_(?:TASK|ALLOC|SECRETS)_DIR\}\//;
/** What is put in there holds no more than digits, letters and dashes. */
const NUMBER = /\$\{NOMAD_(?:ALLOC_ID|SHORT_ALLOC_ID|ALLOC_INDEX|(?:HOST_|ALLOC_)?PORT_\w+)\}/g;

/** Whether Nomad's variables are what they are called: a task's own may have their names. */
function mayPutIn({ env, templates = [] }: Task): boolean {
  return !Object.keys(env).some((name) => name.startsWith("NOMAD_")) && !templates.some((template) => template.env);
}

/** In `args` names with other characters mean something to QEMU: protocols, lists, options. */
const PLAIN_NAME = /^[\w.][\w./ +@-]*$/;

function withoutVariables(path: string, puttingIn: boolean): string {
  return puttingIn ? path.replace(OWN_DIRECTORY, "").replaceAll(NUMBER, "0") : path;
}

/** Whether a path is below the allocation's directories whatever is put into it, and not one of the agent's own files there. */
function isBelow(path: string, puttingIn: boolean): boolean {
  const plain = withoutVariables(path, puttingIn);
  const parts = plain.split("/");
  return !plain.startsWith("/") && !/[$%]\{/.test(plain) && !parts.includes("..") && !parts.includes(".paddock");
}

/** Whether an artifact comes over a network, and its checksum too. */
function isFetched({ source, options }: Artifact): boolean {
  const query = new URLSearchParams(source.split("?").slice(1).join("?"));
  if (![options["checksum"] ?? "", query.get("checksum") ?? ""].every(comesWithIt)) return false;
  const fixed = source.split("${")[0] ?? "";
  if (fixed !== source && !/^(?:(?:git|s3)::)?(?:https?|ssh):\/\/[^/]+\/|^s3:\/\//i.test(fixed)) return false;
  try {
    const { kind, address } = readArtifactSource(source);
    return kind !== "file" && !/^file:/i.test(address) && !address.startsWith("/");
  } catch {
    // Nothing is fetched from there: registering says why.
    return fixed === source;
  }
}

/** A checksum itself, or a list of them that is fetched. */
function comesWithIt(checksum: string): boolean {
  return /^\s*file:https?:\/\//i.test(checksum) || !/^\s*(?:file:|[$%])/i.test(checksum);
}
