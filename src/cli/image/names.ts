import { AppError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import type { Client } from "../../client/client.ts";
import { askImages, type Image } from "../../client/images.ts";

/** Hex digits that are shown of a checksum, and enough to call an image by. */
const SHORT = 12;

/** A checksum as lists have it: `sha256:9f86d081884c`. */
export function shortChecksum(checksum: string): string {
  const [type = "", hex = ""] = checksum.split(":");
  return `${type}:${hex.slice(0, SHORT)}`;
}

/** Whether a word can be the beginning of a checksum, with or without its type. */
export function isImageName(word: string): boolean {
  return /^(?:(?:md5|sha1|sha256|sha512):)?[0-9a-f]+(?:-[0-9a-f]*)?$/i.test(word);
}

/**
 * Finds the image in the cache whose checksum begins so.
 * @throws AppError `invalid` for what no checksum can begin with, `not_found`, `conflict` when several begin so.
 */
export async function resolveImage(client: Client, word: string): Promise<Image> {
  return chooseImage((await client.read(askImages.list())).Images, word);
}

/** The same among images that are known. */
export function chooseImage(images: readonly Image[], word: string): Image {
  if (!isImageName(word)) {
    throw new AppError("invalid", `expected the beginning of a checksum, found ${JSON.stringify(word)}`, {
      hint: "paddock image ls lists them",
    });
  }
  const lower = word.toLowerCase();
  const begun = images.filter(({ Checksum }) => {
    const whole = lower.includes(":") ? Checksum : Checksum.slice(Checksum.indexOf(":") + 1);
    return whole.startsWith(lower);
  });
  const [only] = begun;
  if (only !== undefined && begun.length === 1) return only;
  if (only === undefined) {
    throw new AppError("not_found", `no image in the cache has a checksum that begins with ${lower}`, {
      hint: "paddock image ls lists them",
    });
  }
  const list = begun.slice(0, 10).map(({ Checksum }) => `  ${Checksum}`);
  const more = begun.length > list.length ? [`  and ${begun.length - list.length} more`] : [];
  throw new AppError("conflict", [`several images begin with ${lower}:`, ...list, ...more].join("\n"), {
    hint: "write more of the checksum",
  });
}

/** Who uses an image: `web (1f2a3b4c)`; "" for nobody. */
export function usersText({ Users, Links }: Image): string {
  const users = Users.map(({ AllocID, JobID, Over }) => {
    const name = JobID === null ? `allocation ${shortId(AllocID)}` : `${JobID} (${shortId(AllocID)})`;
    return Over ? `${name}, which has ended` : name;
  });
  if (users.length > 0) return users.join("; ");
  return Links > 0 ? `${Links} other ${Links === 1 ? "name" : "names"} of its files, in no allocation` : "";
}

/** The name that its source ends with, or all of the source. */
export function sourceName({ Source }: Pick<Image, "Source">): string {
  return URL.parse(Source)?.pathname.split("/").at(-1) || Source;
}
