import { AppError } from "../../src/base/errors.ts";

/** The AppError that a promise ends with. */
export async function refusal(promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(
    () => new Error("expected a refusal"),
    (caught: unknown) => caught,
  );
  if (error instanceof AppError) return error;
  throw error;
}
