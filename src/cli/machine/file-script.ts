import { escapeControls, shellWord } from "../../base/text.ts";
import type { ForeseenMachine, ForeseenTask } from "./foreseen.ts";
import type { ForeseenSecrets } from "./foreseen-secrets.ts";
import { frameScript, type ScriptMark, spellWord } from "./launch-script.ts";

/**
 * A POSIX shell script that runs a machine of a job file without paddock, in a directory that stands for its task directory.
 * @param file the job file's name, for a comment.
 * @param told what is not certain, for comments.
 * @throws AppError `unsupported` as `writeScript` does.
 */
export function writeFileScript(
  { job, group, task }: ForeseenTask,
  machine: ForeseenMachine,
  { taken }: Pick<ForeseenSecrets, "taken">,
  { file, told }: { readonly file: string; readonly told: readonly string[] },
): string {
  const { runnable, taskMark, chosen } = machine;
  const marks: readonly ScriptMark[] = [{ text: taskMark, shell: '"$task"' }, ...taken];
  const stem = `${taskMark}/${[job.id, group.name, task.name].join(".").replace(/[^\w.-]/g, "_")}`;
  const own = runnable.Image?.Mode === "overlay" ? `${stem}.qcow2` : `${stem}.img`;
  const isOwn = runnable.Image !== null && runnable.Image.Mode !== "direct";
  const Image = runnable.Image && (isOwn ? { ...runnable.Image, Path: own } : runnable.Image);
  return frameScript(
    { ...runnable, Image },
    {
      what: `the machine ${job.id}/${task.name} of ${file}`,
      notes: [
        "Give it the directory with what artifacts and templates bring, below local/; without one it takes the current one.",
        ...(isOwn ? ["What the guest writes stays in a file there, and is there again the next time."] : []),
        "What paddock decides at each start is decided here:",
        ...chosen.map((one) => `  ${one}`),
        ...told,
      ],
      enter: [
        'task=$(CDPATH= cd -- "${1:-.}" && pwd -P)',
        'case $task in *,*) echo "$0: QEMU takes no comma in the name of a directory: $task" >&2; exit 1 ;; esac',
        'cd "$task"',
        ...takeLines(taken),
        ...needLines(machine),
        ...(isOwn ? makeDisk(machine, own, marks) : []),
      ],
      marks,
    },
  );
}

/** A name of a variable of the task may be any text, also one that a shell would obey. */
function takeLines(taken: ForeseenSecrets["taken"]): string[] {
  if (taken.length === 0) return [];
  const take = `take() { [ -n "$2" ] || { printf '%s\\n' "$0: expected $1 as $3: it stands in no script" >&2; exit 1; }; }`;
  return [take, ...taken.map(({ name, what }) => `take ${shellWord(escapeControls(what))} "\${${name}:-}" ${name}`)];
}

function needLines({ files }: ForeseenMachine): string[] {
  if (files.length === 0) return [];
  const need = 'need() { [ -e "$1" ] || { echo "$0: there is no $1 in $task, which $2 makes" >&2; exit 1; }; }';
  return [need, ...files.map(({ path, by }) => `need ${shellWord(path)} ${shellWord(escapeControls(by))}`)];
}

/** What paddock does with code of its own. */
function makeDisk(machine: ForeseenMachine, path: string, marks: readonly ScriptMark[]): string[] {
  const { runnable, imagePath, imageFormat, diskSize } = machine;
  const [disk, fresh, image] = [path, `${path}.new`, imagePath].map((text) => spellWord(text, marks));
  const make =
    runnable.Image?.Mode === "overlay"
      ? [`qemu-img create -q -f qcow2 -F ${imageFormat} -b ${image} ${fresh}${diskSize === null ? "" : ` ${diskSize}`}`]
      : [`cp ${image} ${fresh}`, ...(diskSize === null ? [] : [`truncate -s ${diskSize} ${fresh}`])];
  const tool =
    runnable.Image?.Mode === "overlay"
      ? ['command -v qemu-img >/dev/null || { echo "$0: needs qemu-img (Debian and Ubuntu: qemu-utils)" >&2; exit 1; }']
      : [];
  return [...tool, `if ! [ -e ${disk} ]; then`, ...make.map((line) => `  ${line}`), `  mv ${fresh} ${disk}`, "fi"];
}
