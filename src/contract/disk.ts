import * as v from "valibot";
import { DISK_MODES, type DiskMode } from "../job/disk-mode.ts";
import { CountSchema } from "./scalars.ts";

const FileSchema = v.object({ Path: v.string(), Format: v.string() });

/** A machine's boot disk. What is optional is absent of a start by a former version, `Base` of every disk but an overlay. */
export const DiskSchema = v.object({
  ...FileSchema.entries,
  Mode: v.optional(v.picklist(DISK_MODES)),
  /** Bytes that the guest sees. */
  Size: v.optional(CountSchema),
  /** The image that it stands over. */
  Base: v.optional(FileSchema),
});

/** What is told of a disk. */
export interface ToldDisk {
  readonly path: string;
  readonly format: string;
  readonly mode?: DiskMode;
  readonly size?: number;
  readonly base?: { readonly path: string; readonly format: string };
}

export function writeDisk({ path, format, mode, size, base }: ToldDisk): v.InferOutput<typeof DiskSchema> {
  return {
    Path: path,
    Format: format,
    ...(mode !== undefined && { Mode: mode }),
    ...(size !== undefined && { Size: size }),
    ...(base !== undefined && { Base: { Path: base.path, Format: base.format } }),
  };
}
