import { writeFileSync } from "node:fs";
import { AppError, errnoOf } from "../../base/errors.ts";
import { shellOperand } from "../../base/text.ts";
import type { Command, Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";

/** Nomad's name for it. */
const DEFAULT_NAME = "example.nomad.hcl";

export const JOB_INIT: Command = {
  names: ["job init", "init"],
  summary: "Write a job file to begin with",
  operands: "[FILE]",
  takes: [0, 1],
  flags: [{ name: "short", help: "Without the comments." }],
  details: `Writes a job file for one machine, with comments on what may be changed, to FILE or ${DEFAULT_NAME}. A file that is there already stays as it is. Needs no agent.`,
  examples: ["paddock job init", "paddock job init -short web.hcl"],
  run: runInit,
};

async function runInit({ context, flags, operands }: Invocation): Promise<number> {
  const [path = DEFAULT_NAME] = operands;
  const text = flags.has("short") ? withoutComments(EXAMPLE) : EXAMPLE;
  try {
    writeFileSync(path, text, { flag: "wx" });
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    const why = code === "EEXIST" ? "it is there already" : code;
    throw new AppError("conflict", `cannot write ${path}: ${why}`, {
      hint: code === "EEXIST" ? "name another file: paddock job init FILE" : undefined,
    });
  }
  const word = shellOperand(path);
  context.terminal.out.line(`example job file written to ${path}`);
  context.terminal.err.line(`put your image into it, then: paddock job validate ${word} && paddock job run ${word}`);
  return EXIT.ok;
}

/** Lines that are nothing but a comment go, and what would then be two empty lines is one. */
function withoutComments(text: string): string {
  return text.replace(/^ *#.*\n/gm, "").replace(/\n{3,}/g, "\n\n");
}

/** Aligned as `nomad fmt` does it. */
const EXAMPLE = `# A job is what is submitted, changed and stopped as a whole: paddock job run example.nomad.hcl
job "example" {
  # "batch" for machines that do their work and power themselves off.
  type = "service"

  group "machines" {
    # So many copies of all below, each with ports and a disk of its own.
    count = 1

    network {
      # A port of the host; static = 8080 would ask for that one. paddock status tells which it is.
      port "http" {
        # The guest's port that it leads to.
        to = 80
      }
    }

    # How often a machine that failed is started again.
    restart {
      attempts = 2
      interval = "30m"
      delay    = "15s"
      mode     = "fail"
    }

    task "vm" {
      driver = "qemu"

      config {
        # What the artifact below brings. An image that lies on the host is named by its absolute path and has to be in one of
        # the agent's image_paths.
        image_path = "local/disk.qcow2"

        # "kvm" where the host has it.
        accelerator = "tcg"

        # Stopping presses the power button, and waits for kill_timeout.
        graceful_shutdown = true

        # More words for QEMU's command line: paddock explain shows all of it.
        args = []
      }

      artifact {
        source = "https://images.example.org/disk.qcow2"

        # With a checksum the image is fetched once for all jobs, and proved.
        # options {
        #   checksum = "sha256:…"
        # }
      }

      resources {
        # MHz of the host's processors, and MiB of the guest's memory.
        cpu    = 500
        memory = 512
      }

      kill_timeout = "20s"
    }
  }
}
`;
