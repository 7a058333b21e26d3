import { expect, test } from "bun:test";
import { Readable, Writable } from "node:stream";
import { createTerminal, wantsColor } from "../../../../src/cli/terminal/terminal.ts";
import { memoryTerminal, runInProcess } from "../../../helpers/cli.ts";

test("what a line holds is shown and cannot command the terminal", async () => {
  const { terminal, stdout } = memoryTerminal();
  terminal.out.line("a\u001b[2J\nb", { text: "\u0007", style: "red" });
  await terminal.drain();
  expect(stdout()).toBe("a\\x1b[2J\\x0ab\\x07\n");
});

test("colours are for terminals that want them", async () => {
  const painted = async (options: { columns?: number; color?: boolean }) => {
    const { terminal, stdout } = memoryTerminal(options);
    terminal.out.line({ text: "x", style: "red" });
    await terminal.drain();
    return stdout();
  };
  expect(await painted({ columns: 80, color: true })).toBe("\u001b[31mx\u001b[39m\n");
  expect(await painted({ columns: 80, color: false })).toBe("x\n");
  expect(await painted({ color: true })).toBe("x\n");
  expect(wantsColor({})).toBe(true);
  expect(wantsColor({ NO_COLOR: "1" })).toBe(false);
  expect(wantsColor({ TERM: "dumb" })).toBe(false);
});

test("a line that is shown is replaced by the next output, and is nothing where there is no terminal", async () => {
  const tty = memoryTerminal({ columns: 40 });
  tty.terminal.show("10%");
  tty.terminal.show("20%");
  tty.terminal.out.line("done");
  await tty.terminal.drain();
  expect(tty.stderr()).toBe("\r\u001b[2K10%\r\u001b[2K20%\r\u001b[2K");
  const file = memoryTerminal();
  file.terminal.show("10%");
  await file.terminal.drain();
  expect(file.stderr()).toBe("");
});

test("a reader that goes away ends what listens, and is no failure", async () => {
  const { terminal } = memoryTerminal({ stdoutError: "EPIPE" });
  const { signal, release } = terminal.listenForInterrupt();
  terminal.out.line("x");
  await terminal.drain();
  release();
  expect(signal.aborted).toBe(true);
  expect(signal.reason).toMatchObject({ exitCode: 0 });
  expect(await runInProcess(["version"], { stdoutError: "EPIPE" })).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("a full disk is a failure", async () => {
  expect(await runInProcess(["version"], { stdoutError: "ENOSPC" })).toEqual({
    code: 1,
    stdout: "",
    stderr: "Error: cannot write the output: ENOSPC\n",
  });
});

test("a line never goes on where a text without a line end stopped, on either side of one screen", async () => {
  const tty = memoryTerminal({ columns: 40 });
  tty.terminal.out.text("login: ");
  tty.terminal.err.line("interrupted");
  tty.terminal.out.text("a\nb");
  tty.terminal.out.line("c");
  tty.terminal.out.line("d");
  await tty.terminal.drain();
  expect(tty.stdout()).toBe("login: \na\nb\nc\nd\n");
  const files = memoryTerminal();
  files.terminal.out.text("login: ");
  files.terminal.err.line("interrupted");
  await files.terminal.drain();
  expect(files.stdout()).toBe("login: ");
});

test("standard input is not opened before a command wants it: the runtime takes milliseconds for that", async () => {
  let opened = 0;
  const out = new Writable({ write: (_chunk, _encoding, done) => done() }) as unknown as NodeJS.WriteStream;
  const streams = {
    stdout: out,
    stderr: out,
    get stdin() {
      opened++;
      return Readable.from(["typed"]) as unknown as NodeJS.ReadStream;
    },
  };
  const terminal = createTerminal(streams, false);
  terminal.out.line("a result");
  await terminal.drain();
  expect(opened).toBe(0);
  expect(terminal.keyboard.isTerminal).toBe(false);
  expect((await terminal.readInput(100)).toString()).toBe("typed");
  expect(opened).toBe(2);
});
