import { AppError } from "../../base/errors.ts";
import type { ImageFrame } from "../../client/images.ts";

/** @throws AppError with the agent's words when the frame tells a failure. */
export function checkFrame(frame: ImageFrame): ImageFrame {
  if (frame.Error === null) return frame;
  throw new AppError("internal", frame.Error.Message, { hint: frame.Error.Hint ?? undefined });
}
