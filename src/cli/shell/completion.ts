import { AppError } from "../../base/errors.ts";
import { escapeControls, nearestName } from "../../base/text.ts";
import { type Command, connectAgent, type Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";
import { type Candidate, wantedAt } from "./complete.ts";
import { readNames } from "./names.ts";
import { FILES_MARK, SCRIPTS } from "./scripts.ts";

/** Milliseconds that the agent has for names: whoever pressed a key waits. */
const PATIENCE = 500;

export const COMPLETION: Command = {
  names: ["completion"],
  summary: "Print a script that completes words in a shell",
  operands: "bash|zsh|fish",
  takes: [1, 10_000],
  flags: [],
  details:
    "Prints a script by which a shell completes commands, flags, files, and the names of jobs, machines, allocations and images that the agent has. Without an agent there are no names, and no message. The script asks this program: `paddock completion words -- WORD…` prints what may stand in the place of the last word, one a line, with its explanation behind a tab; `:files` stands for files.",
  examples: [
    "paddock completion bash > /etc/bash_completion.d/paddock",
    "source <(paddock completion bash)",
    "paddock completion zsh > ~/.zfunc/_paddock",
    "paddock completion fish > ~/.config/fish/completions/paddock.fish",
  ],
  run: runCompletion,
};

async function runCompletion(invocation: Invocation, commands: readonly Command[]): Promise<number> {
  const { out } = invocation.context.terminal;
  const [shell = "", ...words] = invocation.operands;
  if (shell === "words") {
    await printWords(words, invocation, commands);
    return EXIT.ok;
  }
  if (shell !== "bash" && shell !== "zsh" && shell !== "fish") {
    const near = nearestName(shell, Object.keys(SCRIPTS));
    throw new AppError("invalid", `paddock completion: expected bash, zsh or fish, found ${JSON.stringify(shell)}`, {
      hint: near === undefined ? "paddock completion -help tells more" : `did you mean "${near}"?`,
    });
  }
  if (words.length > 0) throw new AppError("invalid", `paddock completion: expected ${shell} alone, found more`);
  out.text(SCRIPTS[shell]);
  return EXIT.ok;
}

async function printWords(
  words: readonly string[],
  invocation: Invocation,
  commands: readonly Command[],
): Promise<void> {
  const { out } = invocation.context.terminal;
  const wanted = wantedAt(commands, words);
  const candidates = [...wanted.words];
  if (wanted.names.length > 0) candidates.push(...(await askAgent(words, wanted.names, invocation)));
  const begun = words.at(-1) ?? "";
  const told = new Set<string>();
  for (const { word, about } of candidates) {
    if (told.has(word) || !word.startsWith(begun === "=" ? "" : begun)) continue;
    told.add(word);
    const explained = about === "" ? "" : `\t${escapeControls(firstSentence(about))}`;
    out.text(`${escapeControls(word)}${explained}\n`);
  }
  if (wanted.files) out.line(FILES_MARK);
}

/** Nobody who completes a word wants to hear of an agent that is not there. */
async function askAgent(
  words: readonly string[],
  kinds: readonly Parameters<typeof readNames>[1][],
  invocation: Invocation,
): Promise<Candidate[]> {
  const signal = AbortSignal.timeout(PATIENCE);
  try {
    const client = await connectAgent(invocation);
    const found = await Promise.all(kinds.map((kind) => readNames(client, kind, words.slice(0, -1), signal)));
    return found.flat();
  } catch {
    return [];
  }
}

const firstSentence = (text: string): string => text.split(/(?<=[a-z)])[.:;] /)[0] ?? text;
