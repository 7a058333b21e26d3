import * as v from "valibot";
import { count, flag, text } from "./lenient.ts";

/** What a reply says of a machine's guest. */
export const GuestSchema = v.object({
  /** QEMU's word; null while there is no process. */
  Guest: v.nullish(v.string(), null),
  /** Why it stands still in `io-error`. */
  Standstill: v.nullish(
    v.object({
      Device: v.nullish(v.string(), null),
      /** QEMU's word: `nospace`, `failed`. */
      Status: text,
      /** Nanoseconds since 1970. */
      Since: count,
      /** Paused by command: it does not go on by itself. */
      Held: flag,
    }),
    null,
  ),
});
export type GuestReply = v.InferOutput<typeof GuestSchema>;
