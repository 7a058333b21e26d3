import * as v from "valibot";

/** What a reply says of a machine's guest. */
export const GuestSchema = v.object({
  /** QEMU's word; null while there is no process. */
  Guest: v.nullish(v.string(), null),
  /** Why it stands still in `io-error`. */
  Standstill: v.nullish(
    v.object({
      Device: v.nullish(v.string(), null),
      /** QEMU's word: `nospace`, `failed`. */
      Status: v.nullish(v.string(), ""),
      /** Nanoseconds since 1970. */
      Since: v.nullish(v.number(), 0),
      /** Paused by command: it does not go on by itself. */
      Held: v.nullish(v.boolean(), false),
    }),
    null,
  ),
});
export type GuestReply = v.InferOutput<typeof GuestSchema>;
