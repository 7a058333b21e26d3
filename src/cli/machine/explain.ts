import { AppError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { ask } from "../../client/client.ts";
import { ADDRESS_FLAG, AGENT_FILE_FLAGS, type Command, connectAgent, type Invocation, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { assertNotBoth } from "../flags.ts";
import { VARIABLE_FLAGS } from "../job/variables.ts";
import { NAME_FORMS, resolveTask } from "../names.ts";
import { printJson } from "../terminal/json.ts";
import { userText } from "../text/allocation.ts";
import { explainFile, isJobFileName } from "./explain-file.ts";
import { printExplanation } from "./explanation.ts";
import { writeScript } from "./launch-script.ts";

/** What means something for a job file only. */
const FILE_FLAGS = [
  { name: "group", value: "GROUP", help: "Of a job file: the group, where it has several." },
  { name: "task", value: "TASK", help: "Of a job file: the task, where there are several." },
  ...AGENT_FILE_FLAGS,
  ...VARIABLE_FLAGS,
];

export const EXPLAIN: Command = {
  names: ["explain"],
  summary: "Show QEMU's command line and where each word comes from",
  operands: "NAME|FILE|- [TASK]",
  takes: [1, 2],
  flags: [
    ADDRESS_FLAG,
    JSON_FLAG,
    { name: "script", help: "A shell script that runs the same machine without paddock, once it is stopped here." },
    ...FILE_FLAGS,
  ],
  details: `Shows the command line of a machine's last start: what is printed is what was run. ${NAME_FORMS} Of a job file (a path, or a name that ends in .hcl, .nomad or .json; - is standard input) it shows what this host would run, each word with its line, and asks no agent; what only a start decides stands in angle brackets.`,
  examples: [
    "paddock explain web",
    "paddock explain -json web/vm",
    "paddock explain -script web > web.sh",
    "paddock explain -var size=2 web.hcl",
    "paddock explain -script web.hcl > web.sh",
  ],
  run: runExplain,
};

async function runExplain(invocation: Invocation): Promise<number> {
  const { out } = invocation.context.terminal;
  const [name = "", word] = invocation.operands;
  assertNotBoth(invocation.flags, "json", "script");
  if (isJobFileName(name)) return await explainFile(invocation);
  assertNoFileFlags(invocation);
  const client = await connectAgent(invocation);
  const { allocation, task } = await resolveTask(client, name, word);
  const question = ask.explain(allocation.ID, task);
  if (invocation.flags.has("script")) {
    const machine = `${allocation.JobID}/${task}, allocation ${shortId(allocation.ID)}`;
    out.text(writeScript(await client.read(question), machine));
  } else if (invocation.flags.has("json")) printJson(out, await client.readJson(question.target));
  else {
    const explanation = await client.read(question);
    printExplanation(explanation, invocation.context.terminal, userText(explanation.User));
  }
  return EXIT.ok;
}

/** A job file whose name ends otherwise is easily taken for a machine. */
function assertNoFileFlags({ flags, operands: [name = ""] }: Invocation): void {
  const given = FILE_FLAGS.find(
    (flag) => flags.text(flag.name) !== undefined && !("on" in flag && flag.on) && flag.name !== "hcl2-strict",
  );
  if (given === undefined) return;
  throw new AppError("invalid", `flag -${given.name} is for a job file, and "${name}" is taken for a machine's name`, {
    hint: `a job file of that name: paddock explain ./${name}`,
  });
}
