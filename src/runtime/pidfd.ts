import { closeSync } from "node:fs";
import { runtimeKind } from "./kind.ts";
import { loadLibc } from "./libc.ts";

/** Linux system call numbers, the same on x86_64 and aarch64 (include/uapi/asm-generic/unistd.h). */
const SYS_PIDFD_SEND_SIGNAL = 424n;
const SYS_PIDFD_OPEN = 434n;

type Syscall = (number: bigint, a: bigint, b: bigint, c: bigint, d: bigint) => bigint;

let syscall: Syscall | null | undefined;

async function loadSyscall(): Promise<Syscall | null> {
  if (syscall !== undefined) return syscall;
  const libc = await loadLibc(({ i64 }) => ({ syscall: { args: [i64, i64, i64, i64, i64], returns: i64 } }));
  syscall = (libc?.syscall as unknown as Syscall | undefined) ?? null;
  return syscall;
}

/**
 * Opens a descriptor that goes on naming one process even after its pid was given to another.
 * @returns the descriptor, the caller's to close; null where the kernel (< 5.3) or the runtime has none, or no such process exists.
 */
export async function openPidfd(pid: number): Promise<number | null> {
  const call = await loadSyscall();
  if (call === null) return null;
  const fd = Number(call(SYS_PIDFD_OPEN, BigInt(pid), 0n, 0n, 0n));
  return fd < 0 ? null : fd;
}

/** Sends signal `number` to the process behind a descriptor of `openPidfd`; false when it is gone or may not be signalled. */
export async function signalPidfd(fd: number, number: number): Promise<boolean> {
  const call = await loadSyscall();
  return call !== null && Number(call(SYS_PIDFD_SEND_SIGNAL, BigInt(fd), BigInt(number), 0n, 0n)) === 0;
}

/** A descriptor of a process that the event loop waits on. */
export interface ExitNotice {
  /** Waits no longer, without a call; the descriptor is closed. */
  cancel(): void;
}

/**
 * Has the event loop wait for the end of a process: a pidfd becomes readable then (pidfd_open(2)). Bun takes it for a socket,
 * fails to read from it and closes it, which is the notice; a test holds that with many processes. It costs no thread: the same
 * in a Worker with epoll would cost 5 MB.
 * @param fd of `openPidfd`; taken over, also when null is returned.
 * @param onExit called at most once, never before this has returned; a hint, to be checked.
 * @returns null where the runtime cannot wait on a descriptor.
 */
export async function awaitExit(fd: number, onExit: () => void): Promise<ExitNotice | null> {
  if (runtimeKind !== "bun") {
    closeSync(fd);
    return null;
  }
  let cancelled = false;
  const tell = (): void => {
    if (!cancelled) queueMicrotask(onExit);
  };
  try {
    const options = { fd, socket: { data: () => undefined, close: tell } };
    const socket = await Bun.connect(options as unknown as Parameters<typeof Bun.connect>[0]);
    return {
      cancel: () => {
        cancelled = true;
        socket.terminate();
      },
    };
  } catch {
    // Whether the runtime has closed it is not known: one left open is better than one closed that is another's by now.
    return null;
  }
}
