import type { TaskEventType } from "../../allocation/task-event.ts";
import { AppError, errorText } from "../../base/errors.ts";
import { closeImage } from "../../image/open.ts";
import type { QemuConfig } from "../../job/job.ts";
import { findPortHolder } from "../../node/port-holder.ts";
import type { MachineUser } from "../../node/users.ts";
import { forwardsOf } from "../../qemu/forward.ts";
import type { Forward, LaunchPlan } from "../../qemu/launch.ts";
import { unlimitedBecause } from "../../qemu/limits.ts";
import type { Prepare, PrepareRequest } from "../../supervisor/hands.ts";
import type { AgentContext } from "../context.ts";
import { openBootDisk, type RecordedDisk } from "../disk/boot.ts";
import { createImageBook, type ImageBook } from "../disk/image-holder.ts";
import type { DiskRequest } from "../disk/request.ts";
import { knowWhatMatters } from "../place/placement.ts";
import { isFree } from "../place/ports.ts";
import { commandLineOf } from "./command-line.ts";
import type { CoreBook } from "./cores.ts";
import { fetchArtifacts } from "./fetch-artifacts.ts";
import { letIn, settleUser } from "./machine-users.ts";
import { assertOwnDisks } from "./own-disks.ts";
import { linkedImage, placingOf } from "./placing.ts";
import { assertPortOpen, assertReachable } from "./reach.ts";
import type { SpareDirectory } from "./spare-directory.ts";
import { interpolateTaskConfig, jobOf, portsInto, readSubject, type Subject } from "./subject.ts";
import { makeTaskDirectories } from "./task-directory.ts";
import { renderTemplates } from "./templates.ts";

type PrepareContext = Pick<
  AgentContext,
  | "dirs"
  | "policy"
  | "site"
  | "sources"
  | "store"
  | "users"
  | "node"
  | "nodeComplete"
  | "cacheKeeper"
  | "artifactTurns"
  | "clock"
  | "log"
> & { readonly cores: CoreBook; readonly images: ImageBook; readonly spare: SpareDirectory };

/** The way of a placed task to a command line: directories, artifacts, templates, image, ports, argv. Nothing runs yet. */
export function createPrepare(given: Omit<PrepareContext, "images">): Prepare {
  const context: PrepareContext = { ...given, images: createImageBook(given.store) };
  return async (request) => {
    const job = jobOf(context, request);
    await knowWhatMatters(context, job);
    const cores = (count: number): readonly number[] => context.cores.take(request.allocation.id, request.task, count);
    const subject = await stage(context, request, "Setup Failure", () => readSubject(context, job, request, cores));
    const user = await stage(context, request, "Setup Failure", () => {
      if (!context.spare.take(request.place.dirs)) makeTaskDirectories(request.place.dirs);
      return settleUser(context.users, request);
    });
    const config = await stage(context, request, "Failed Validation", () => interpolateTaskConfig(context, subject));
    const wanted = subject.task.artifacts.length > 0 && !request.fetched;
    const fetched = !wanted
      ? []
      : await stage(context, request, "Failed Artifact Download", () =>
          fetchArtifacts(context, request, subject, placingOf(config, request.place.dirs, user !== null), (message) =>
            report(context, request, "Downloading Artifacts", message),
          ),
        );
    await stage(context, request, "Template", () => renderTemplates(context, request.place.dirs, subject, user));
    return await stage(context, request, "Driver Failure", async () => {
      const linked = linkedImage(fetched, config, request.place.dirs);
      const { sticky } = subject.group.ephemeral_disk;
      const previous = sticky ? request.allocation.previousAllocation : undefined;
      const last = context.store.lastLaunch(request.allocation.id, request.task);
      const image = await openDisk(context, request, { config, user, linked, previous, last });
      try {
        letIn(request.place, user, { last, alone: Object.keys(request.allocation.tasks).length === 1 });
        const plan = await planMachine(context, request, subject, { config, image, user });
        return { plan, image };
      } catch (error) {
        closeImage(image);
        throw error;
      }
    });
  };
}

/** Opens the machine's boot disk, which the first start makes. */
function openDisk(
  context: PrepareContext,
  request: PrepareRequest,
  { config, user, ...known }: Pick<Settled, "config" | "user"> & Pick<DiskRequest, "linked" | "previous" | "last">,
): Promise<RecordedDisk> {
  const { dirs } = request.place;
  return openBootDisk(context, {
    ...request,
    image: {
      imagePath: config.image_path,
      taskDir: dirs.task,
      allocDir: dirs.alloc,
      imagePaths: context.policy.imagePaths,
      closed: user !== null,
      siblings: Object.keys(request.allocation.tasks).filter((name) => name !== request.task),
    },
    wanted: config,
    ...known,
    tell: (message) => report(context, request, "Driver", message),
  });
}

const FAILURES: ReadonlySet<TaskEventType> = new Set([
  "Setup Failure",
  "Failed Validation",
  "Failed Artifact Download",
  "Template",
  "Driver Failure",
]);

/** Runs one stage; what it throws is in the task's events before it goes on. */
async function stage<T>(
  context: PrepareContext,
  request: PrepareRequest,
  failure: TaskEventType,
  work: () => T | Promise<T>,
): Promise<T> {
  try {
    request.signal.throwIfAborted();
    return await work();
  } catch (error) {
    if (!request.signal.aborted) {
      const hint = error instanceof AppError && error.hint !== undefined ? { hint: error.hint } : {};
      report(context, request, failure, errorText(error), hint);
    }
    throw error;
  }
}

function report(
  context: PrepareContext,
  request: PrepareRequest,
  type: TaskEventType,
  message: string,
  details: Readonly<Record<string, string>> = {},
): void {
  request.report({ type, time: context.clock.now(), message, details, failsTask: FAILURES.has(type) });
}

/** What is certain before the command line is made. */
interface Settled {
  readonly config: QemuConfig;
  readonly image: RecordedDisk;
  readonly user: MachineUser | null;
}

async function planMachine(
  context: PrepareContext,
  request: PrepareRequest,
  subject: Subject,
  { config, image, user }: Settled,
): Promise<LaunchPlan> {
  const { group, task } = subject;
  const { place, allocation } = request;
  if (user !== null) await assertReachable(user, config.args, place.dirs.task);
  assertOwnDisks(config.args, place.dirs);
  const { forwards, busy } = await freeForwards(forwardsOf(config.port_map, portsInto(group, task, allocation)), user);
  for (const warning of busy) report(context, request, "Driver", warning);
  const plan = commandLineOf(context, subject, { config, image, forwards, user, place });
  context.images.claim({ allocation, task: task.name, place, image, plan });
  const unlimited = plan.limits === undefined ? undefined : unlimitedBecause(plan.limits, task.resources);
  for (const warning of [...plan.warnings, ...(unlimited === undefined ? [] : [unlimited])]) {
    report(context, request, "Driver", warning);
  }
  return plan;
}

/**
 * Looks at every port before QEMU does, because QEMU names neither the label nor the holder. A busy udp port beside a tcp one is
 * left out with a word: the job asked for the label, Nomad adds udp to it.
 * @throws AppError `conflict` for a busy tcp port, and for a busy udp port that is all that its label forwards.
 */
async function freeForwards(
  wanted: readonly Forward[],
  user: MachineUser | null,
): Promise<{ forwards: Forward[]; busy: string[] }> {
  const forwards: Forward[] = [];
  const busy: string[] = [];
  for (const forward of wanted) {
    const { protocol, hostAddress, hostPort, label } = forward;
    if (user !== null) assertPortOpen(hostPort, label);
    if (await isFree(protocol, hostAddress, hostPort)) {
      forwards.push(forward);
      continue;
    }
    const holder = findPortHolder(protocol, hostPort, hostAddress) ?? "another process";
    const where = hostAddress === "" ? "" : ` of ${hostAddress}`;
    const used = `port ${hostPort}/${protocol}${where} (label "${label}") is in use by ${holder}`;
    const besideTcp = wanted.some((other) => other.label === label && other.protocol === "tcp");
    if (protocol === "tcp" || !besideTcp) {
      throw new AppError("conflict", used, { hint: "stop that process, or give the label another static port" });
    }
    busy.push(`${used} and is not forwarded; tcp is`);
  }
  return { forwards, busy };
}
