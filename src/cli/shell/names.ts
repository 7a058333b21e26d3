import { shortId } from "../../base/ids.ts";
import { ask, type Client } from "../../client/client.ts";
import { askImages } from "../../client/images.ts";
import type { Allocation } from "../../client/replies.ts";
import { byCopy, isOver } from "../text/copies.ts";
import type { Candidate, NameKind } from "./complete.ts";

/**
 * The names that the agent has of something.
 * @param before the words before the one that is completed, of which one may be a job whose tasks or groups are wanted.
 * @throws AppError as the client does; the signal's reason.
 */
export async function readNames(
  client: Client,
  kind: NameKind,
  before: readonly string[],
  signal: AbortSignal,
): Promise<Candidate[]> {
  switch (kind) {
    case "job": {
      const jobs = await client.read(ask.jobs(), signal);
      return jobs.map(({ ID, Status, Stop }) => ({ word: ID, about: `job, ${Stop ? "stopped" : Status}` }));
    }
    case "image": {
      const { Images } = await client.read(askImages.list(), signal);
      return Images.map(({ Checksum, Source }) => ({
        // Without its type, whose colon ends a word in bash.
        word: Checksum.slice(Checksum.indexOf(":") + 1).slice(0, 12),
        about: Source || Checksum,
      }));
    }
    case "machine":
      return [...(await readNames(client, "job", before, signal)), ...(await allocations(client, signal))];
    case "allocation":
      return await allocations(client, signal);
    default:
      return partsOf(await client.read(ask.allocations(), signal), kind, before);
  }
}

/** Those that are not over first, each by its name and by its id. */
async function allocations(client: Client, signal: AbortSignal): Promise<Candidate[]> {
  const all = await client.read(ask.allocations(), signal);
  const sorted = all.toSorted((a, b) => Number(isOver(a)) - Number(isOver(b)) || byCopy(a, b));
  const names = sorted.filter((one) => !isOver(one)).map((one) => ({ word: one.Name, about: one.ClientStatus }));
  return [...names, ...sorted.map((one) => ({ word: shortId(one.ID), about: `${one.Name}, ${one.ClientStatus}` }))];
}

function partsOf(all: readonly Allocation[], kind: "task" | "group", before: readonly string[]): Candidate[] {
  const own = all.filter(({ ID, JobID, Name }) =>
    before.some((word) => word === JobID || word === Name || (word.length >= 4 && ID.startsWith(word))),
  );
  const words = own.flatMap(({ TaskGroup, TaskStates }) => (kind === "group" ? [TaskGroup] : Object.keys(TaskStates)));
  return [...new Set(words)].map((word) => ({ word, about: kind }));
}
