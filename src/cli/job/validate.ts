import { AppError } from "../../base/errors.ts";
import type { Command, Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";
import { assertJson, countErrors, readJobFile } from "./file.ts";
import { VARIABLE_FLAGS } from "./variables.ts";

export const JOB_VALIDATE: Command = {
  names: ["job validate", "validate"],
  summary: "Check a job file",
  operands: "FILE|-",
  takes: [1, 1],
  flags: [{ name: "json", help: "The file holds a job in Nomad's JSON." }, ...VARIABLE_FLAGS],
  details:
    "Reads a job file and prints everything that is wrong or doubtful, each with its line. Needs no agent: whether the job fits this host is found out when it runs. FILE is HCL or Nomad's JSON; - is standard input.",
  examples: [
    "paddock job validate web.hcl",
    "paddock job validate -var size=2 web.hcl",
    "generate-job | paddock job validate -",
  ],
  exits: [
    [EXIT.ok, "the job is valid; there may be warnings"],
    [EXIT.failed, "it is not, or the file cannot be read"],
  ],
  run: runValidate,
};

async function runValidate({ context, flags, operands }: Invocation): Promise<number> {
  const file = await readJobFile(operands[0] ?? "", { context, flags });
  if (flags.has("json")) assertJson(file);
  if (file.job === undefined) throw new AppError("invalid", `${file.name} is not a valid job: ${countErrors(file)}`);
  const [{ findClashes }, { renderDiagnostics }] = await Promise.all([
    import("./clashes.ts"),
    import("../../hcl/render.ts"),
  ]);
  const clashes = findClashes(file);
  if (clashes.length > 0) {
    context.terminal.err.text(renderDiagnostics(clashes, file.sources));
    const diagnostics = [...file.diagnostics, ...clashes];
    throw new AppError("invalid", `${file.name} is not a valid job: ${countErrors({ ...file, diagnostics })}`);
  }
  context.terminal.out.line("Job validation successful");
  return EXIT.ok;
}
