/**
 * One turn of the event loop: what waits for promises that are kept already has gone on when it resolves. No time needs to pass for that, and
 * that something did not happen cannot be waited for in another way: by then it would have.
 */
export async function turn(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
