import { AppError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import type { Client } from "../../client/client.ts";
import { askImages, type Image, type ImageFrame } from "../../client/images.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";
import { createProgress } from "../job/follow.ts";
import { printJson } from "../terminal/json.ts";
import type { Piece } from "../terminal/style.ts";
import { alignRows } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { checkFrame } from "./frames.ts";
import { chooseImage, shortChecksum, sourceName, usersText } from "./names.ts";

export const IMAGE_VERIFY: Command = {
  names: ["image verify"],
  summary: "Read images in the cache again and set damaged ones aside",
  operands: "[CHECKSUM…]",
  takes: [0, 1_000],
  flags: [ADDRESS_FLAG, { name: "json", data: true, help: "What was found of each, as a list at the end." }],
  details:
    "Reads every byte of the images in the agent's cache again, all of them unless CHECKSUMs are named, and compares them with what they must be. A damaged one is set aside, and fetched again when a job asks for it; machines that use it keep it. Ctrl-C ends the reading and changes nothing.",
  examples: ["paddock image verify", "paddock image verify sha256:9f86d081"],
  exits: [
    [EXIT.ok, "every byte is right of all that was not removed meanwhile"],
    [EXIT.failed, "one is damaged, or could not be read"],
    [EXIT.SIGINT, "Ctrl-C; what was not read yet is not known"],
  ],
  run: runImageVerify,
};

async function runImageVerify(invocation: Invocation): Promise<number> {
  const { terminal } = invocation.context;
  const client = await connectAgent(invocation);
  const { Images } = await client.read(askImages.list());
  const named = new Set(invocation.operands.map((word) => chooseImage(Images, word)));
  const chosen = named.size > 0 ? [...named] : Images;
  if (chosen.length === 0) terminal.err.line("the cache is empty");
  const interrupt = terminal.listenForInterrupt();
  const found: (Verified & { readonly Checksum: string })[] = [];
  let unread = 0;
  try {
    for (const image of chosen) {
      const verified = await verifyOne(client, image, terminal, interrupt.signal).catch((error: unknown) => {
        if (error instanceof AppError && error.code === "not_found") return REMOVED;
        // One that went, or could not be read, says nothing of the others; an agent that went says it of all.
        if (!(error instanceof AppError) || error.code === "unavailable") throw error;
        terminal.err.line({ text: "unknown", style: "yellow" }, `  ${shortChecksum(image.Checksum)}  ${error.message}`);
        return null;
      });
      if (verified === null) unread++;
      else found.push({ Checksum: image.Checksum, ...verified });
      if (verified !== null && !invocation.flags.has("json")) printVerdict(image, verified, terminal);
    }
  } finally {
    interrupt.release();
  }
  if (invocation.flags.has("json")) printJson(terminal.out, found);
  return unread === 0 && found.every(({ Sound, Removed }) => Sound || Removed) ? EXIT.ok : EXIT.failed;
}

type Verified = NonNullable<ImageFrame["Verified"]>;

/** Of one that went between the list and the question. */
const REMOVED: Verified = { Sound: false, Bytes: 0, Why: "removed meanwhile", SetAside: null, Removed: true };

async function verifyOne(client: Client, image: Image, terminal: Terminal, signal: AbortSignal): Promise<Verified> {
  const show = createProgress(terminal);
  for await (const frame of client.follow(askImages.verify(image.Checksum), undefined, signal)) {
    const { Progress, Verified } = checkFrame(frame);
    if (Progress !== null) show({ ...Progress, Source: sourceName(image) });
    if (Verified !== null) return Verified;
  }
  throw new AppError("unavailable", "the agent broke off its reply", { hint: "look at the agent's log" });
}

function printVerdict(image: Image, { Sound, Bytes, Why, SetAside, Removed }: Verified, { out, err }: Terminal): void {
  const name = shortChecksum(image.Checksum);
  if (Removed) {
    err.line({ text: "unknown", style: "yellow" }, `  ${name}  ${Why}`);
    return;
  }
  const users = usersText(image);
  const rows: Piece[][] = Sound
    ? [[{ text: "sound  ", style: "green" }, name, formatBytes(Bytes)]]
    : [
        [{ text: "damaged", style: "red" }, name, Why],
        ...(SetAside === null ? [] : [["", "set aside as", SetAside]]),
        ...(users === "" ? [] : [["", "in use by", { text: users, style: "yellow" as const }]]),
      ];
  for (const line of alignRows(rows, out.columns)) out.line(...line);
}
