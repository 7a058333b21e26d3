import * as v from "valibot";
import type { Question } from "./client.ts";
import { count, flag, text } from "./lenient.ts";

const FileSchema = v.object({
  Name: v.string(),
  IsDir: flag,
  /** Bytes. */
  Size: count,
  FileMode: text,
  /** RFC 3339. */
  ModTime: text,
  /** "" where nobody looked. */
  ContentType: text,
});
export type FileEntry = v.InferOutput<typeof FileSchema>;

const FrameSchema = v.object({
  /** Base64. */
  Data: text,
  /** What befell the file. */
  FileEvent: text,
});
export type FileFrame = v.InferOutput<typeof FrameSchema>;

const target = (action: string, allocationId: string, query: Readonly<Record<string, string>>): string =>
  `/v1/client/fs/${action}/${encodeURIComponent(allocationId)}?${new URLSearchParams(query)}`;

/** What can be asked of the files of an allocation. */
export const askFiles = {
  list: (id: string, path: string) => ({ target: target("ls", id, { path }), schema: v.array(FileSchema) }),
  stat: (id: string, path: string) => ({ target: target("stat", id, { path }), schema: FileSchema }),
  /** As it is and as it grows. @param offset bytes from its start. */
  follow: (id: string, path: string, offset: number) => ({
    target: target("stream", id, { path, offset: String(offset), origin: "start", follow: "true" }),
    schema: FrameSchema,
  }),
} satisfies Record<string, (...args: never[]) => Question<unknown>>;

/** Where the bytes of a file are. @param offset, limit in bytes. */
export const fileBytes = (id: string, path: string, offset: number, limit: number): string =>
  target("readat", id, { path, offset: String(offset), limit: String(limit) });

/** Where all bytes of a file are. */
export const wholeFile = (id: string, path: string): string => target("cat", id, { path });
