import { formatBytes, MILLISECOND } from "../../base/units.ts";
import { askImages, type Image } from "../../client/images.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation, VERBOSE_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printJson } from "../terminal/json.ts";
import { type Piece, textOf } from "../terminal/style.ts";
import { alignTable } from "../terminal/table.ts";
import { formatSpan, formatTime } from "../terminal/time.ts";
import { shortChecksum, sourceName, usersText } from "./names.ts";

export const IMAGE_LS: Command = {
  names: ["image ls"],
  summary: "List what was fetched and is kept for all jobs",
  operands: "",
  takes: [0, 0],
  flags: [ADDRESS_FLAG, { name: "json", data: true, help: "The list, as the API has it." }, VERBOSE_FLAG],
  details:
    "Lists the agent's cache: what was fetched once and is used by every job that asks for the same checksum or source, with its size on the disk, how long ago it was last used, and the jobs that use it now. What was found damaged and set aside stands below. -verbose shows checksums, sources and users in full.",
  examples: ["paddock image ls", "paddock image ls -verbose", "paddock image ls -json"],
  run: runImageLs,
};

async function runImageLs(invocation: Invocation): Promise<number> {
  const { flags, context } = invocation;
  const { out, err } = context.terminal;
  const client = await connectAgent(invocation);
  const question = askImages.list();
  if (flags.has("json")) {
    printJson(out, await client.readJson(question.target));
    return EXIT.ok;
  }
  const { Images, SetAside } = await client.read(question);
  const rows = Images.map((image) => describeRow(image, flags.has("verbose")));
  if (rows.length > 0) {
    for (const line of cutNames(HEADER, rows, flags.has("verbose") ? undefined : out.columns)) out.line(...line);
  }
  if (SetAside.length > 0) {
    if (rows.length > 0) out.line();
    const aside = SetAside.map(({ Name, Since }) => [
      formatTime(Since),
      flags.has("verbose") ? Name : Name.slice(0, 40),
    ]);
    for (const line of alignTable(["Set aside", "Name"], aside, out.columns)) out.line(...line);
  }
  err.line(summaryOf(Images));
  return EXIT.ok;
}

const HEADER = ["Checksum", "Size", "Used", "In use by", "Name"];

/** Longest text of who uses an image in a list that is not verbose. */
const USERS_WIDTH = 16;

function describeRow(image: Image, verbose: boolean): Piece[] {
  const checksum = verbose ? image.Checksum : shortChecksum(image.Checksum);
  if (image.State !== "sound") return [checksum, "-", "-", { text: "damaged", style: "red" }, image.Why];
  return [
    checksum,
    formatBytes(image.Allocated),
    formatSpan(Math.max(0, Date.now() * MILLISECOND - image.UsedAt)),
    verbose ? usersText(image) || "-" : cut(shortUsers(image), USERS_WIDTH),
    describeName(verbose ? image.Source : sourceName(image), image),
  ];
}

function describeName(name: string, { Refused }: Image): Piece {
  return Refused === "" ? name : { text: `${name} (not unpacked: ${Refused})`, style: "yellow" };
}

/** Jobs alone, each once. */
function shortUsers({ Users, Links }: Image): string {
  const jobs = [...new Set(Users.filter(({ Over }) => !Over).map(({ JobID, AllocID }) => JobID ?? AllocID))];
  if (jobs.length > 1) return `${jobs.length} jobs`;
  return jobs[0] ?? (Links > 0 ? "(ended)" : "-");
}

/** A name that would be cut to less tells nothing. */
const LEAST_NAME = 8;

/** Cuts what stands last in each row so that no line is broken. */
function cutNames(header: readonly string[], rows: readonly Piece[][], columns: number | undefined): Piece[][] {
  const lines = alignTable(header, rows);
  if (columns === undefined || columns === Number.POSITIVE_INFINITY) return lines;
  const beforeLast = (line: readonly Piece[]): number =>
    line.slice(0, -1).reduce((sum, piece) => sum + textOf(piece).length, 0);
  if (lines.some((line) => beforeLast(line) + LEAST_NAME > columns)) return alignTable(header, rows, columns);
  return lines.map((line) => {
    const before = beforeLast(line);
    const last = line.at(-1) ?? "";
    const text = cut(textOf(last), columns - before);
    return [...line.slice(0, -1), typeof last === "string" ? text : { ...last, text }];
  });
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

function summaryOf(images: readonly Image[]): string {
  if (images.length === 0) return "the cache is empty";
  const used = images.filter(({ Links }) => Links > 0).length;
  const bytes = images.reduce((sum, { Allocated }) => sum + Allocated, 0);
  return `${images.length} ${images.length === 1 ? "image" : "images"}, ${formatBytes(bytes)}, ${used} in use`;
}
