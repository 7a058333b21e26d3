import type { ReadableImage } from "../../image/checked.ts";
import type { DiskRecord } from "../../image/disk-record.ts";
import type { ImageRequest } from "../../image/open.ts";
import type { AgentDirs } from "../../paths.ts";
import type { LaunchPlan } from "../../qemu/launch.ts";
import type { PrepareRequest } from "../../supervisor/hands.ts";
import type { FormerDisk } from "./bring.ts";

/** A file of the cache that the image of a task is another name of, or a copy of that. */
export interface LinkedImage {
  readonly path: string;
  /** `type:hex`. */
  readonly checksum: string;
}

/** What is certain of a machine before its disk is. */
export interface DiskRequest extends Pick<PrepareRequest, "allocation" | "task" | "fetched" | "signal"> {
  readonly place: Pick<PrepareRequest["place"], "dirs" | "generation">;
  readonly image: Omit<ImageRequest, "known" | "linked">;
  readonly wanted: { readonly disk?: DiskRecord["mode"] | undefined; readonly disk_size?: string | undefined };
  /** The plan of the last start; undefined before the first one. */
  readonly last: LaunchPlan | undefined;
  /** What the cache gave the image as; null for an image that comes from elsewhere, or was there before. */
  readonly linked: LinkedImage | null;
  /** The allocation before, whose disk moves along when it fits; undefined where a job begins anew. */
  readonly previous: string | undefined;
  /** Told in one sentence what a new disk is. */
  readonly tell: (message: string) => void;
}

/** A disk that has to be made. */
export interface NewDisk extends DiskRequest {
  /** The disk of the allocation before; undefined when there is none. */
  readonly former: FormerDisk | undefined;
  readonly dirs: AgentDirs;
  /** The cache's directory where what nobody uses may go for a copy; null where nobody could fetch it again. */
  readonly cache: string | null;
  /** @throws AppError `conflict` while another machine writes to the image: what is made of it would be half one state, half another. */
  readonly assertUnwritten: (image: ReadableImage) => void;
}
