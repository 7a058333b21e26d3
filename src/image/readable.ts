import { fstatSync } from "node:fs";
import { AppError } from "../base/errors.ts";
import { escapeControls } from "../base/text.ts";
import type { ReadableImage } from "./checked.ts";
import { inspectHeader, rawSize } from "./header.ts";
import type { Inspection } from "./inspection.ts";

/** What an image was taken for when it was first given to a machine. */
export const IMAGE_KINDS = ["raw", "qcow2", "cdrom"] as const;
export type ImageKind = (typeof IMAGE_KINDS)[number];

export const kindOfImage = ({ format, cdrom }: Pick<ReadableImage, "format" | "cdrom">): ImageKind =>
  cdrom ? "cdrom" : format;

interface OpenFile {
  readonly name: string;
  readonly realPath: string;
  /** Open for reading; it stays the caller's when this throws. */
  readonly fd: number;
  /**
   * Decided at an earlier start. What is raw stays raw then, whatever its guest wrote where other formats have their headers; absent
   * where it has to be found out.
   */
  readonly kind?: ImageKind | undefined;
}

/** Says what an open file is as an image. @throws AppError `image` when it may not be run. */
export function readImage({ name, realPath, fd, kind }: OpenFile): ReadableImage {
  const inspection = inspect(fd, kind);
  if (inspection.format === "refused") {
    throw refuseImage(name, `expected a raw or qcow2 image, found ${inspection.found}`, inspection.hint);
  }
  const { dev, ino } = fstatSync(fd);
  const { format, virtualSize, cdrom = false } = inspection;
  return { name, realPath, format, cdrom, virtualSize, identity: { dev, ino }, readOnlyFd: fd };
}

function inspect(fd: number, kind: ImageKind | undefined): Inspection {
  const { size } = fstatSync(fd);
  if (kind === undefined || kind === "qcow2" || size === 0) {
    const found = inspectHeader(fd);
    if (kind !== "qcow2" || found.format !== "raw") return found;
    return {
      format: "refused",
      found: "a file that is no qcow2 any more",
      recognised: null,
      hint: "its machine has overwritten its header",
    };
  }
  return { format: "raw", virtualSize: rawSize(size), ...(kind === "cdrom" && { cdrom: true }) };
}

/** An error about `image_path`. */
export function refuseImage(name: string, message: string, hint?: string, cause?: unknown): AppError {
  const shown = JSON.stringify(escapeControls(name));
  return new AppError("image", `image_path ${shown}: ${message}`, { hint, cause });
}
