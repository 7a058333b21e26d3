import * as v from "valibot";
import { CountSchema } from "./scalars.ts";

/**
 * A text frame of `GET /v1/vm/:alloc/:task/console`, from the agent to a viewer. Binary frames are bytes of the serial port: what the
 * guest wrote on their way to a viewer, what is typed on their way from one.
 */
export const ConsoleFrameSchema = v.variant("Type", [
  /** The first frame. `Logged` is false when the job keeps no serial log: then there is no scrollback and no position. */
  v.object({
    Type: v.literal("hello"),
    AllocID: v.string(),
    JobID: v.string(),
    Task: v.string(),
    /** The state of the machine. */
    Machine: v.string(),
    ReadOnly: v.boolean(),
    Logged: v.boolean(),
    /** How many look at this console now, this one among them. */
    Viewers: CountSchema,
  }),
  /** The scrollback is over: what comes from here on is new. */
  v.object({ Type: v.literal("live") }),
  v.object({ Type: v.literal("viewers"), Viewers: CountSchema }),
  /** Where in the serial log the next binary frame begins; said whenever it does not begin where the last one ended. */
  v.object({ Type: v.literal("position"), File: v.string(), Offset: CountSchema }),
  /** So many bytes were left out because the viewer was too slow. */
  v.object({ Type: v.literal("skipped"), Bytes: CountSchema }),
  /** So many bytes of this viewer's input, counted from the last such frame, were handed to QEMU. */
  v.object({ Type: v.literal("taken"), Bytes: CountSchema }),
  /** So many bytes of this viewer's input did not reach the guest; 0 when nobody knows whether some did not. */
  v.object({ Type: v.literal("lost"), Bytes: CountSchema, Message: v.string() }),
  /** The machine's state changed, or it does not run. */
  v.object({ Type: v.literal("machine"), Machine: v.string(), Message: v.string() }),
  /** The last frame: the machine has ended for good. */
  v.object({ Type: v.literal("ended"), Message: v.string() }),
]);
export type ConsoleFrame = v.InferOutput<typeof ConsoleFrameSchema>;

/** Most bytes of input that a viewer may have sent without hearing that they were taken; what is beyond is not taken. */
export const MAX_INPUT_UNDERWAY = 64 << 10;

/** How the refusal of a console begins whose machine has ended for good: a viewer that comes back then has seen all there is. */
export const MACHINE_ENDED = "the machine has ended";
