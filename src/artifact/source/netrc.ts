/** What a netrc file has for one host. */
export interface NetrcLogin {
  readonly login: string;
  readonly password: string;
}

/**
 * Looks a host up in the text of a netrc file. Its `default` entry counts for nothing: it would send credentials to any host that a job
 * names. Macros are skipped.
 * @param host a name or an address, without a port.
 * @returns the first entry for it that has a login or a password; undefined when there is none.
 */
export function findLogin(text: string, host: string): NetrcLogin | undefined {
  let machine: string | undefined;
  let found: { login?: string; password?: string } = {};
  const words = netrcWords(text);
  const wanted = (): NetrcLogin | undefined =>
    machine === host.toLowerCase() && (found.login ?? found.password) !== undefined
      ? { login: found.login ?? "", password: found.password ?? "" }
      : undefined;
  for (let index = 0; index < words.length; index++) {
    const word = words[index];
    if (word === "machine" || word === "default") {
      const login = wanted();
      if (login !== undefined) return login;
      machine = word === "machine" ? words[++index]?.toLowerCase() : undefined;
      found = {};
    } else if (word === "login" || word === "password") found = { ...found, [word]: words[++index] ?? "" };
    else if (word === "account") index++;
  }
  return wanted();
}

/** Words of a netrc file, without comments and macros; a macro goes to the next empty line. */
function netrcWords(text: string): string[] {
  const words: string[] = [];
  let macro = false;
  for (const line of text.split("\n")) {
    if (macro) {
      macro = line.trim() !== "";
      continue;
    }
    if (line.trimStart().startsWith("#")) continue;
    const found = line.split(/[ \t\r]+/).filter((word) => word !== "");
    const begin = found.indexOf("macdef");
    macro = begin !== -1;
    words.push(...(macro ? found.slice(0, begin) : found));
  }
  return words;
}
