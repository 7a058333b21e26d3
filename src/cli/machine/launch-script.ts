import { basename } from "node:path";
import { AppError } from "../../base/errors.ts";
import { escapeControls, shellWord } from "../../base/text.ts";
import type { Disk, Explanation } from "../../client/explanation.ts";
import { DISK_FDS } from "../../qemu/disk.ts";
import { SERIAL_CHARDEV } from "../../qmp/commands.ts";
import { describeOrigin } from "../text/origin.ts";

type Entry = Explanation["Argv"][number];

/**
 * A POSIX shell script that runs the machine of a command line without paddock: the same words, each with its origin, but for the sockets
 * and the journal, which lie in a directory of the script's own, and the serial port, which is the terminal.
 * @param machine its name, for a comment.
 * @throws AppError `unsupported` for a start of a former version, and for what no script can hold on every shell.
 */
export function writeScript({ Argv, Cwd, Image, Defaults }: Explanation, machine: string): string {
  if (Image === null) {
    throw new AppError("unsupported", "it is not known any more what the disk of this machine is", {
      hint: "a former version of paddock started it; start it again first: paddock alloc restart",
    });
  }
  assertPlain([Cwd, Image.Path, Image.Base?.Path ?? "", ...Argv.map(({ Word }) => Word)]);
  return [
    "#!/bin/sh",
    `# Runs the machine ${escapeControls(machine)} as paddock started it last, without paddock.`,
    "# Stop it there first: two machines must not write to one disk. What the guest writes here is written.",
    "# This terminal is the serial port; Ctrl-C ends QEMU at once. It runs as whoever runs the script.",
    "set -eu",
    "# For its sockets (the monitors, the guest's agent) and the journal of its events, ev.out.",
    'place=$(CDPATH= cd -- "${TMPDIR:-/tmp}" && mktemp -d "$PWD/machine.XXXXXX")',
    `trap 'rm -rf "$place"' EXIT`,
    "trap : INT TERM",
    `printf '{"execute":"qmp_capabilities"}\\n' >"$place/ev.in"`,
    ': >"$place/ev.out"',
    `cd ${shellWord(Cwd)}`,
    ...diskLines(Argv, Image),
    ...Argv.map((entry, at) => wordLine(entry, at, Defaults)),
    'TMPDIR=$place LC_ALL=C "$@"',
    "",
  ].join("\n");
}

/** Shells have no common spelling for control characters, and a terminal may obey them. */
function assertPlain(words: readonly string[]): void {
  const odd = words.find((word) => escapeControls(word) !== word);
  if (odd === undefined) return;
  throw new AppError("unsupported", `a script cannot hold this word of the command line: ${escapeControls(odd)}`, {
    hint: "paddock explain -json has it as it is",
  });
}

/** What QEMU gets by descriptor. */
function diskLines(argv: readonly Entry[], { Path, Base }: Disk): string[] {
  const files: Readonly<Record<number, readonly [how: string, path: string | undefined]>> = {
    [DISK_FDS.readWrite]: ["<>", Path],
    [DISK_FDS.readOnly]: ["<", Path],
    [DISK_FDS.base]: ["<", Base?.Path],
  };
  return argv.flatMap(({ Word, Origin }) => {
    const fd = Origin.Kind === "paddock" ? /^fd=(\d),set=\d$/.exec(Word)?.[1] : undefined;
    const [how, path] = files[Number(fd)] ?? [];
    if (how === undefined || path === undefined) return [];
    const file = shellWord(path);
    // A shell would make an empty file in the place of a disk that has moved along since.
    return [...(how === "<>" ? [`: <${file}`] : []), `exec ${fd}${how}${file}`];
  });
}

function wordLine({ Word, Origin }: Entry, at: number, defaults: readonly string[]): string {
  const word = at === 0 || Origin.Kind === "args" ? shellWord(Word) : movedWord(Word);
  return `set -- ${at === 0 ? "" : '"$@" '}${word}  # ${escapeControls(describeOrigin(Origin, defaults))}`;
}

/** A word of ours with the paths of this run instead of those of paddock's. */
function movedWord(word: string): string {
  const socket = /^socket,id=([^,]+),path=((?:[^,]|,,)+)(,server=on,wait=off)/.exec(word);
  if (socket !== null) {
    const [, id = "", path = "", options = ""] = socket;
    if (id === SERIAL_CHARDEV) return `stdio,id=${id}`;
    return `socket,id=${shellWord(id)},path="$place"/${shellWord(basename(path))}${options}`;
  }
  const journal = /^pipe,id=([^,]+),path=/.exec(word);
  return journal === null ? shellWord(word) : `pipe,id=${journal[1]},path="$place"/ev`;
}
