/** Files that may break a rule, each with its reason. */
export type Exceptions = Readonly<Record<string, string>>;

/** Breaches of a rule, one line each that begins with the file and a colon, but for those that are excepted. */
export function unexcused(breaches: readonly string[], exceptions: Exceptions): string[] {
  return breaches.filter((breach) => !(fileOf(breach) in exceptions));
}

/** Exceptions that break the rule no more. */
export function needless(breaches: readonly string[], exceptions: Exceptions): string[] {
  const files = breaches.map(fileOf);
  return Object.keys(exceptions).filter((file) => !files.includes(file));
}

function fileOf(breach: string): string {
  return breach.split(":")[0] ?? "";
}
