import { Buffer } from "node:buffer";
import { AppError } from "../../base/errors.ts";
import { startOfLastLines } from "../../base/text.ts";
import { formatBytes, MILLISECOND } from "../../base/units.ts";
import type { Client } from "../../client/client.ts";
import { askFiles, type FileEntry, fileBytes, wholeFile } from "../../client/files.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation, VERBOSE_FLAG } from "../command.ts";
import { createConsoleText } from "../console/text.ts";
import { EXIT } from "../exit.ts";
import { assertNotBoth, type Flags } from "../flags.ts";
import { ALLOCATION_FORMS, requireAllocation, requireJobAllocation } from "../names.ts";
import { alignTable } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { formatTime } from "../terminal/time.ts";

/** Lines of `-tail` without `-n` and `-c`, as in Nomad. */
const DEFAULT_TAIL = 10;

export const ALLOC_FS: Command = {
  names: ["alloc fs"],
  summary: "Look at the files of an allocation",
  operands: "ALLOCATION [PATH]",
  takes: [1, 2],
  flags: [
    ADDRESS_FLAG,
    { name: "H", help: "Sizes in bytes and times in RFC 3339, for programs." },
    { name: "stat", help: "What is known of the file or directory instead of what is in it." },
    { name: "f", help: "Go on with what is written to the file from now on, until it goes." },
    { name: "tail", help: "Begin with the last lines: 10, or as many as -n says." },
    { name: "n", value: "N", count: true, help: "Begin with the last N lines." },
    { name: "c", value: "N", count: true, help: "Begin with the last N bytes." },
    { name: "job", help: "The first operand is a job: its allocation is meant." },
    VERBOSE_FLAG,
  ],
  details: `Lists a directory of an allocation or prints a file of it. PATH begins in the allocation's directory, which is listed without one; links that lead out of it are not followed, and files of secrets are not shown. On a terminal control characters are shown escaped; into a file or a pipe go the bytes as they are. ${ALLOCATION_FORMS}`,
  examples: [
    "paddock alloc fs 1f2e3d4c",
    "paddock alloc fs 1f2e3d4c vm/local",
    "paddock alloc fs -f -tail 1f2e3d4c alloc/logs/vm.stdout.0",
    "paddock alloc fs -stat -job web vm/local/linux.img",
  ],
  exits: [
    [EXIT.ok, "all that there was is printed, or the file that was followed has gone"],
    [EXIT.failed, "there is no such file, it may not be read, or the agent broke off"],
    [EXIT.SIGINT, "Ctrl-C"],
  ],
  run: runAllocFs,
};

async function runAllocFs(invocation: Invocation): Promise<number> {
  const { context, flags, operands } = invocation;
  const [name = "", path = "/"] = operands;
  assertNotBoth(flags, "n", "c");
  const client = await connectAgent(invocation);
  const { ID } = await (flags.has("job") ? requireJobAllocation : requireAllocation)(client, name);
  const file = await client.read(askFiles.stat(ID, path));
  const { out } = context.terminal;
  if (flags.has("stat")) {
    printTable(STAT_HEADER, [[...cellsOf(file, flags), file.ContentType, nameOf(file)]]);
    return EXIT.ok;
  }
  if (file.IsDir) {
    const list = await client.read(askFiles.list(ID, path));
    printTable(
      LIST_HEADER,
      list.map((entry) => [...cellsOf(entry, flags), nameOf(entry)]),
    );
    return EXIT.ok;
  }
  const interrupt = context.terminal.listenForInterrupt();
  try {
    await printFile(client, { id: ID, path, size: file.Size }, flags, {
      terminal: context.terminal,
      signal: interrupt.signal,
    });
    interrupt.signal.throwIfAborted();
    return EXIT.ok;
  } finally {
    interrupt.release();
  }

  function printTable(header: readonly string[], rows: readonly string[][]): void {
    for (const line of alignTable(header, rows, out.columns)) out.line(...line);
  }
}

const LIST_HEADER = ["Mode", "Size", "Modified Time", "Name"];
const STAT_HEADER = ["Mode", "Size", "Modified Time", "Content Type", "Name"];

function cellsOf({ FileMode, Size, ModTime }: FileEntry, flags: Flags): string[] {
  if (flags.has("H")) return [FileMode, String(Size), ModTime];
  return [FileMode, formatBytes(Size), formatTime(Date.parse(ModTime) * MILLISECOND)];
}

const nameOf = ({ Name, IsDir }: FileEntry): string => (IsDir && Name !== "/" ? `${Name}/` : Name);

interface Shown {
  readonly id: string;
  readonly path: string;
  /** Bytes that it had a moment ago. */
  readonly size: number;
}

interface Surroundings {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

async function printFile(client: Client, file: Shown, flags: Flags, { terminal, signal }: Surroundings): Promise<void> {
  const toText = createConsoleText();
  const print = async (data: Uint8Array): Promise<void> => {
    if (terminal.out.isTerminal) terminal.out.text(toText(data));
    else terminal.out.raw(data);
    await terminal.drain();
  };
  const follow = flags.has("f");
  const tail = await readTail(client, file, flags, signal);
  if (tail !== undefined) await print(tail);
  if (!follow && tail === undefined) {
    for await (const chunk of client.readChunks(wholeFile(file.id, file.path), signal)) await print(chunk);
  }
  if (follow) {
    const question = askFiles.follow(file.id, file.path, tail === undefined ? 0 : file.size);
    for await (const { Data, FileEvent } of client.readFrames(question, signal)) {
      if (Data !== "") await print(Buffer.from(Data, "base64"));
      if (FileEvent !== "") terminal.err.line({ text: "==> ", style: "bold" }, FileEvent);
    }
  }
  if (terminal.out.isTerminal) terminal.out.text(toText());
}

/** What is read of a file's end at first; doubled until it has lines enough. */
const FIRST_TAIL = 64 << 10;
/** Bytes of the end of a file that are held at most: a file without lines would be held whole. */
const LONGEST_TAIL = 64 << 20;

/** The end of a file that is asked for; undefined for all of it. */
async function readTail(
  client: Client,
  file: Shown,
  flags: Flags,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const bytes = flags.count("c");
  const lines = flags.count("n") ?? (flags.has("tail") ? DEFAULT_TAIL : undefined);
  if (bytes !== undefined) return await readEnd(client, file, assertHeld(bytes), signal);
  if (lines === undefined) return undefined;
  for (let length = FIRST_TAIL; ; length *= 2) {
    const data = await readEnd(client, file, length, signal);
    const start = startOfLastLines(data, lines);
    if (start !== undefined || length >= file.size) return data.subarray(start ?? 0);
    assertHeld(length * 2);
  }
}

function assertHeld(length: number): number {
  if (length <= LONGEST_TAIL) return length;
  throw new AppError("invalid", `the end that is asked for is longer than ${formatBytes(LONGEST_TAIL)}`, {
    hint: "print the whole file and cut it with tail",
  });
}

async function readEnd(
  client: Client,
  { id, path, size }: Shown,
  length: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const offset = Math.max(0, size - length);
  const limit = size - offset;
  return limit === 0 ? new Uint8Array() : await client.readBytes(fileBytes(id, path, offset, limit), signal);
}
