import { AppError } from "../base/errors.ts";

/** A bundle that is damaged or refused. */
export function bundleError(message: string, hint?: string, cause?: unknown): AppError {
  return new AppError("invalid", `the bundle is refused: ${message}`, { hint, cause });
}

/** The hint for a bundle that is not as it was made. */
export const COPY_AGAIN = "copy it again from where it was made, or make it again there; nothing of it was loaded";

/** The hint for what no bundle of ours says. */
export const NOT_OURS = "make it with paddock image bundle of this version";
