import { basename } from "node:path";
import { AppError } from "../../base/errors.ts";
import { escapeControls, shellWord } from "../../base/text.ts";
import type { Disk, Explanation } from "../../client/explanation.ts";
import { DISK_FDS } from "../../qemu/disk.ts";
import { SERIAL_CHARDEV } from "../../qmp/commands.ts";
import { describeOrigin } from "../text/origin.ts";

type Entry = Explanation["Argv"][number];

/** A text that stands in words, and what the shell is to put in its place: a parameter in double quotes. */
export interface ScriptMark {
  readonly text: string;
  readonly shell: string;
}

/** What a script says of itself, and does besides running the machine. */
export interface ScriptFrame {
  /** What is run, for the first line: `the machine web/vm as paddock started it last`. */
  readonly what: string;
  /** Further lines of comment. */
  readonly notes: readonly string[];
  /** Lines that go to where QEMU runs, and make what it needs there. */
  readonly enter: readonly string[];
  readonly marks: readonly ScriptMark[];
}

/**
 * A POSIX shell script that runs the machine of a command line without paddock: the same words, each with its origin, but for the sockets
 * and the journal, which lie in a directory of the script's own, and the serial port, which is the terminal.
 * @param machine its name, for a comment.
 * @throws AppError `unsupported` for a start of a former version, and for what no script can hold on every shell.
 */
export function writeScript(explanation: Explanation, machine: string): string {
  return frameScript(explanation, {
    what: `the machine ${machine} as paddock started it last`,
    notes: ["Stop it there first: two machines must not write to one disk. What the guest writes here is written."],
    enter: [`cd ${shellWord(explanation.Cwd)}`],
    marks: [],
  });
}

/** The same, of what the frame says. @throws AppError `unsupported` as `writeScript` does. */
export function frameScript({ Argv, Cwd, Image, Defaults }: Explanation, frame: ScriptFrame): string {
  if (Image === null) {
    throw new AppError("unsupported", "it is not known any more what the disk of this machine is", {
      hint: "a former version of paddock started it; start it again first: paddock alloc restart",
    });
  }
  const spell = (text: string): string => spellWord(text, frame.marks);
  assertPlain([Cwd, Image.Path, Image.Base?.Path ?? "", ...Argv.map(({ Word }) => Word)], frame.marks);
  return [
    "#!/bin/sh",
    `# Runs ${escapeControls(frame.what)}, without paddock.`,
    ...frame.notes.map((note) => `# ${escapeControls(note)}`),
    "# This terminal is the serial port; Ctrl-C ends QEMU at once. It runs as whoever runs the script.",
    "set -eu",
    "# For its sockets (the monitors, the guest's agent) and the journal of its events, ev.out.",
    'place=$(CDPATH= cd -- "${TMPDIR:-/tmp}" && mktemp -d "$PWD/machine.XXXXXX")',
    `trap 'rm -rf "$place"' EXIT`,
    "trap : INT TERM",
    `printf '{"execute":"qmp_capabilities"}\\n' >"$place/ev.in"`,
    ': >"$place/ev.out"',
    ...frame.enter,
    ...diskLines(Argv, Image, spell),
    ...Argv.map((entry, at) => wordLine(entry, at, Defaults, spell)),
    'TMPDIR=$place LC_ALL=C "$@"',
    "",
  ].join("\n");
}

/** A word as the shell takes it, with its marks as parameters. */
export function spellWord(text: string, marks: readonly ScriptMark[]): string {
  return piecesOf(text, marks)
    .map((piece) => (typeof piece === "string" ? shellWord(piece) : piece.shell))
    .join("");
}

/** A text in pieces: what is as it is, and marks; the longest mark first. */
function piecesOf(text: string, marks: readonly ScriptMark[]): (string | ScriptMark)[] {
  const [mark, ...others] = marks.toSorted((a, b) => b.text.length - a.text.length);
  if (mark === undefined) return [text];
  const plain = text.split(mark.text).map((piece) => (piece === "" ? [] : piecesOf(piece, others)));
  const pieces = plain.flatMap((piece, at) => (at === 0 ? piece : [mark, ...piece]));
  return pieces.length === 0 ? [text] : pieces;
}

/** Shells have no common spelling for control characters, and a terminal may obey them. */
function assertPlain(words: readonly string[], marks: readonly ScriptMark[]): void {
  const shown = words.map((word) =>
    piecesOf(word, marks)
      .map((piece) => (typeof piece === "string" ? piece : piece.shell))
      .join(""),
  );
  const odd = shown.find((word) => escapeControls(word) !== word);
  if (odd === undefined) return;
  throw new AppError("unsupported", `a script cannot hold this word of the command line: ${escapeControls(odd)}`, {
    hint: "paddock explain -json has it as it is",
  });
}

type Spell = (text: string) => string;

/** What QEMU gets by descriptor. */
function diskLines(argv: readonly Entry[], { Path, Base }: Disk, spell: Spell): string[] {
  const files: Readonly<Record<number, readonly [how: string, path: string | undefined]>> = {
    [DISK_FDS.readWrite]: ["<>", Path],
    [DISK_FDS.readOnly]: ["<", Path],
    [DISK_FDS.base]: ["<", Base?.Path],
  };
  return argv.flatMap(({ Word, Origin }) => {
    const fd = Origin.Kind === "paddock" ? /^fd=(\d),set=\d$/.exec(Word)?.[1] : undefined;
    const [how, path] = files[Number(fd)] ?? [];
    if (how === undefined || path === undefined) return [];
    const file = spell(path);
    // A shell would make an empty file in the place of a disk that has moved along since.
    return [...(how === "<>" ? [`: <${file}`] : []), `exec ${fd}${how}${file}`];
  });
}

function wordLine({ Word, Origin }: Entry, at: number, defaults: readonly string[], spell: Spell): string {
  const word = at === 0 || Origin.Kind === "args" ? spell(Word) : movedWord(Word, spell);
  return `set -- ${at === 0 ? "" : '"$@" '}${word}  # ${escapeControls(describeOrigin(Origin, defaults))}`;
}

/** A word of ours with the paths of this run instead of those of paddock's. */
function movedWord(word: string, spell: Spell): string {
  const socket = /^socket,id=([^,]+),path=((?:[^,]|,,)+)(,server=on,wait=off)/.exec(word);
  if (socket !== null) {
    const [, id = "", path = "", options = ""] = socket;
    if (id === SERIAL_CHARDEV) return `stdio,id=${id}`;
    return `socket,id=${shellWord(id)},path="$place"/${shellWord(basename(path))}${options}`;
  }
  const journal = /^pipe,id=([^,]+),path=/.exec(word);
  return journal === null ? spell(word) : `pipe,id=${journal[1]},path="$place"/ev`;
}
