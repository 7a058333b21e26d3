export interface UntilOptions {
  /** Milliseconds after which it gives up; 30,000 unless told. */
  readonly deadline?: number;
  /** Milliseconds between two looks; 20 unless told. */
  readonly every?: number;
}

/** Thrown by a check that can no longer come true, such as one on a program that has ended: the wait ends at once. */
export class Hopeless extends Error {}

/**
 * Waits until `check` gives something else than undefined, null or false, and returns that. A check that throws has not come true yet.
 * @param what names the condition in the error, such as `the agent's health`.
 * @throws Hopeless as the check threw it; an error when the deadline passed, with what was waited for and the last value or error.
 */
export async function until<T>(
  what: string,
  check: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<Exclude<Awaited<T>, undefined | null | false>> {
  const { deadline = 30_000, every = 20 } = options;
  const end = performance.now() + deadline;
  for (;;) {
    const last = await attempt(check);
    if (last.met) return last.value as Exclude<Awaited<T>, undefined | null | false>;
    if (performance.now() >= end)
      throw new Error(`gave up after ${deadline} ms waiting for ${what}; last: ${last.shown}`);
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}

/** `until` for what a guest must do first: in emulation and on a busy host it takes its time. */
export async function patiently<T>(what: string, check: () => T | Promise<T>, every = 20) {
  return await until(what, check, { deadline: 45_000, every });
}

async function attempt(check: () => unknown): Promise<{ met: boolean; value?: unknown; shown: string }> {
  try {
    const value = await check();
    return { met: value !== undefined && value !== null && value !== false, value, shown: String(value) };
  } catch (error) {
    if (error instanceof Hopeless) throw error;
    return { met: false, shown: error instanceof Error ? error.message : String(error) };
  }
}
