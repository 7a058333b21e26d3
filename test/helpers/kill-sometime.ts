/**
 * Kills a program with SIGKILL in the middle of what it does, some milliseconds after its first word on stdout, from which on it is
 * in the middle of things.
 */
export async function killSometime(child: Bun.Subprocess<"ignore", "pipe", "inherit">, after: number): Promise<void> {
  const reader = child.stdout.getReader();
  await reader.read();
  await Bun.sleep(after);
  child.kill("SIGKILL");
  await child.exited;
  await reader.cancel();
}
