import { AppError } from "../../base/errors.ts";
import { ask } from "../../client/client.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { assertNotBoth, type Flags } from "../flags.ts";
import { NAME_FORMS, resolveTask } from "../names.ts";
import { printJson } from "../terminal/json.ts";
import { describeWhy } from "../text/why.ts";

export const WHY: Command = {
  names: ["why"],
  summary: "Tell how and why a machine ended",
  operands: "NAME [TASK]",
  takes: [1, 2],
  flags: [
    ADDRESS_FLAG,
    {
      name: "generation",
      value: "N",
      count: true,
      help: "The end of this start of the task, counted from 1; the newest that has ended without it.",
    },
    JSON_FLAG,
    {
      name: "bundle",
      value: "FILE",
      help: "Write everything that a report needs into this tar file: the post-mortem, the job, both logs, the journal.",
    },
    { name: "force", help: "With -bundle: write over a file that is there." },
  ],
  details: `Tells what ended a machine and what to do about it, what happened when, and the last that guest and QEMU said. ${NAME_FORMS} The last ten ends of each task are kept. A bundle holds neither the job's env nor credentials of its artifacts, but the guest's console as it is: look at it before you pass it on.`,
  examples: ["paddock why web", "paddock why -generation 2 web/vm", "paddock why -bundle web.tar web"],
  exits: [
    [EXIT.ok, "told, or written; also when the machine has not ended yet"],
    [EXIT.failed, "there is no such machine or end, or the bundle cannot be written"],
  ],
  run: runWhy,
};

async function runWhy(invocation: Invocation): Promise<number> {
  const { context, flags, operands } = invocation;
  const { out } = context.terminal;
  const [name = "", word] = operands;
  const bundle = readBundle(flags);
  const client = await connectAgent(invocation);
  const { allocation, task } = await resolveTask(client, name, word);
  const question = ask.why(allocation.ID, task, flags.count("generation"));
  if (bundle !== undefined) {
    // Most calls need none of it: a parser of job files, and a tar.
    const { writeBundle } = await import("./why-bundle.ts");
    await writeBundle(client, { allocation, question, file: bundle, force: flags.has("force") }, context.terminal);
  } else if (flags.has("json")) printJson(out, await client.readJson(question.target));
  else {
    const why = await client.read(question);
    for (const line of describeWhy(why, { columns: out.columns, now: Date.now() })) out.line(...line);
  }
  return EXIT.ok;
}

/** The file that is to be written; undefined for none. */
function readBundle(flags: Flags): string | undefined {
  const file = flags.text("bundle");
  assertNotBoth(flags, "bundle", "json", "a bundle has the reply of the API in why.json");
  if (file === "") throw new AppError("invalid", "flag -bundle: expected a file, found nothing");
  if (file === undefined && flags.has("force")) {
    throw new AppError("invalid", "flag -force: expected with -bundle, which it is about");
  }
  return file;
}
