import { AppError } from "../../base/errors.ts";
import type { Client } from "../../client/client.ts";
import { askImages } from "../../client/images.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "../command.ts";
import { EXIT, Interrupted } from "../exit.ts";
import type { Flags } from "../flags.ts";
import { createProgress } from "../job/follow.ts";
import { printJson } from "../terminal/json.ts";
import { breakText } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { checkFrame } from "./frames.ts";

export const IMAGE_PULL: Command = {
  names: ["image pull"],
  summary: "Fetch an image into the cache before a job asks for it",
  operands: "SOURCE",
  takes: [1, 1],
  flags: [
    ADDRESS_FLAG,
    {
      name: "checksum",
      value: "CHECKSUM",
      help: "What the file must be, as sha256: and its hex digits, or file: and where a list such as SHA256SUMS is. What is in the cache already is not fetched then.",
    },
    {
      name: "header",
      value: "'NAME: VALUE'",
      repeats: true,
      help: "Sent with the request; may be given several times.",
    },
    {
      name: "archive",
      value: "FORMAT",
      help: "What the name does not say, such as xz; false keeps the file as it is.",
    },
    { name: "insecure", help: "Leave the server's certificate unchecked." },
    { name: "json", data: true, help: "Print what was fetched as JSON." },
  ],
  details:
    "Has the agent fetch a file into its cache, as it does for an artifact of a job with the same source, and prints its checksum. A job that asks for this checksum later fetches nothing; one that gives no checksum asks the server whether the file is still the same. One compressed file is unpacked, too. Ctrl-C ends the download unless a job waits for it, and what came stays: the same command goes on from there.",
  examples: [
    "paddock image pull https://mirror.example.org/disk.qcow2",
    "paddock image pull -checksum sha256:9f86… https://example.org/disk.img.xz",
    "paddock image pull -header 'Authorization: Bearer …' https://example.org/a.img",
  ],
  exits: [
    [EXIT.ok, "it is in the cache"],
    [EXIT.failed, "it could not be fetched, or is not what the checksum says"],
    [EXIT.SIGINT, "Ctrl-C; what came stays for the next try"],
  ],
  run: runImagePull,
};

async function runImagePull(invocation: Invocation): Promise<number> {
  const { context, flags, operands } = invocation;
  const { terminal } = context;
  const body = {
    GetterSource: operands[0] ?? "",
    GetterOptions: readOptions(flags),
    GetterHeaders: readHeaders(flags.list("header")),
    GetterInsecure: flags.has("insecure"),
  };
  const client = await connectAgent(invocation);
  const interrupt = terminal.listenForInterrupt();
  try {
    const pulled = await follow(client, body, terminal, interrupt.signal);
    if (flags.has("json")) printJson(terminal.out, pulled);
    else terminal.out.line(pulled.Checksum);
    return EXIT.ok;
  } catch (error) {
    if (error instanceof Interrupted && error.exitCode !== EXIT.ok) {
      terminal.err.line("given up; what came stays, and the same command goes on from there");
    }
    throw error;
  } finally {
    interrupt.release();
  }
}

function readOptions(flags: Flags): Record<string, string> {
  const given = ["checksum", "archive"].map((name) => [name, flags.text(name)] as const);
  return Object.fromEntries(given.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** @throws AppError `invalid`, which does not tell the header: it may be a secret. */
function readHeaders(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^([^:\s]+):\s*(.*)$/s.exec(line) ?? [];
      if (name !== undefined && value !== undefined) return [name, value] as const;
      throw new AppError("invalid", "flag -header: expected a name, a colon and a value", {
        hint: "quote it for the shell: -header 'Authorization: Bearer …'",
      });
    }),
  );
}

async function follow(client: Client, body: unknown, terminal: Terminal, signal: AbortSignal) {
  const show = createProgress(terminal);
  for await (const frame of client.follow(askImages.pull(), body, signal)) {
    const { Progress, Message, Pulled } = checkFrame(frame);
    if (Progress !== null) show(Progress);
    if (Message !== "") for (const line of breakText(Message, terminal.err.columns)) terminal.err.line(line);
    if (Pulled !== null) return Pulled;
  }
  throw new AppError("unavailable", "the agent broke off its reply", { hint: "look at the agent's log" });
}
