import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEMO_DISK_BYTES, demoImage } from "../../src/guest/demo-image.ts";
import { startAgent, type TestAgent, type TestAgentOptions } from "./agent.ts";
import { tempDir } from "./temp.ts";

/** An agent with a directory of images that jobs may name. */
export interface ImageAgent extends TestAgent {
  readonly images: string;
  /** Writes the demo guest's disk among the images and returns its path. */
  demoDisk(name?: string): string;
  /** Writes a job file beside the agent and returns its path. */
  jobFile(text: string, name?: string): string;
}

/** What is tried is not how much a host has: more machines than it has room for are nobody's matter here. */
const ROOM = `client {
  cpu_total_compute = 1000000
  memory_total_mb   = 1000000
  disk_free_mb      = 1000000
}`;

/** Starts the compiled agent with `image_paths` set and room for any number of machines; `config` stands instead of both. */
export async function startImageAgent(options: TestAgentOptions = {}): Promise<ImageAgent> {
  const own = options.dir === undefined ? tempDir() : undefined;
  const dir = options.dir ?? own?.path ?? "";
  const images = join(dir, "images");
  mkdirSync(images, { recursive: true });
  const plugin = `plugin "qemu" {\n  config {\n    image_paths = [${JSON.stringify(images)}]\n  }\n}`;
  const agent = await startAgent({ ...options, dir, config: options.config ?? `${plugin}\n${ROOM}` });
  const write = (path: string, content: string | Uint8Array): string => {
    writeFileSync(path, content);
    return path;
  };
  // The agent's getters must go on telling the truth after a restart, so it is extended rather than copied.
  return Object.assign(Object.create(agent) as TestAgent, {
    images,
    demoDisk: (name = "demo.img") => {
      const path = write(join(images, name), demoImage());
      truncateSync(path, DEMO_DISK_BYTES);
      return path;
    },
    jobFile: (text: string, name = "job.hcl") => write(join(dir, name), text),
    [Symbol.asyncDispose]: async () => {
      await agent[Symbol.asyncDispose]();
      await own?.[Symbol.asyncDispose]();
    },
  });
}

export interface JobText {
  readonly id?: string;
  readonly image: string;
  /** More lines of the blocks of these names. */
  readonly job?: string;
  readonly group?: string;
  readonly task?: string;
  readonly config?: string;
  readonly memory?: number;
  /** More lines of `resources`. */
  readonly resources?: string;
}

/** A job file of one machine that hears its power button and stays as it ended. */
export function jobText({
  id = "demo",
  image,
  job = "",
  group = "",
  task = "",
  config = "",
  memory = 128,
  resources = "",
}: JobText): string {
  return `job "${id}" {
  ${job}
  group "g" {
    restart {
      attempts = 0
      mode     = "fail"
    }
    ${group}
    task "vm" {
      driver = "qemu"
      config {
        image_path        = "${image}"
        accelerator       = "tcg"
        graceful_shutdown = true
        ${config}
      }
      resources {
        memory = ${memory}
        ${resources}
      }
      ${task}
    }
  }
}
`;
}

interface WireMachine {
  readonly State: string;
  readonly Failed: boolean;
  readonly Events: readonly { readonly Type: string; readonly DisplayMessage: string }[];
  readonly Paddock: {
    readonly Machine: string;
    readonly Guest: string | null;
    readonly Pid: number | null;
    readonly Adopted: boolean | null;
  };
}

/** The newest allocation of a job with its one machine, as the API tells. */
export async function newest(
  agent: TestAgent,
  jobId = "demo",
): Promise<{ id: string; status: string; vm: WireMachine }> {
  const response = await agent.request(`/v1/job/${jobId}/allocations`);
  const list = (await response.json()) as {
    ID: string;
    ClientStatus: string;
    CreateIndex: number;
    TaskStates: Record<string, WireMachine>;
  }[];
  const last = list.toSorted((a, b) => a.CreateIndex - b.CreateIndex).at(-1);
  const vm = last?.TaskStates["vm"];
  if (last === undefined || vm === undefined) throw new Error(`job ${jobId} has no allocation`);
  return { id: last.ID, status: last.ClientStatus, vm };
}
