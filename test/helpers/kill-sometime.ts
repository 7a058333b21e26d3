/**
 * Kills a program with SIGKILL in the middle of what it does, at a moment drawn by lot: no two runs of a test try the same.
 * @param child is in the middle of things from its first word on stdout on.
 * @param within milliseconds after that word.
 */
export async function killSometime(child: Bun.Subprocess<"ignore", "pipe", "inherit">, within: number): Promise<void> {
  const reader = child.stdout.getReader();
  await reader.read();
  await Bun.sleep(Math.random() * within);
  child.kill("SIGKILL");
  await child.exited;
  await reader.cancel();
}
