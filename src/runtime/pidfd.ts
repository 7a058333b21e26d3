import { closeSync } from "node:fs";
import { runtimeKind } from "./kind.ts";

/** Names under which the C library is found: glibc, then musl for both architectures. */
const LIBC_NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/** Linux system call numbers, the same on x86_64 and aarch64 (include/uapi/asm-generic/unistd.h). */
const SYS_PIDFD_SEND_SIGNAL = 424n;
const SYS_PIDFD_OPEN = 434n;

type Syscall = (number: bigint, a: bigint, b: bigint, c: bigint, d: bigint) => bigint;

let syscall: Syscall | null | undefined;

async function loadSyscall(): Promise<Syscall | null> {
  if (syscall !== undefined) return syscall;
  syscall = null;
  if (runtimeKind !== "bun" || process.platform !== "linux") return null;
  const { dlopen, FFIType } = await import("bun:ffi");
  const word = FFIType.i64;
  for (const name of LIBC_NAMES) {
    try {
      const library = dlopen(name, { syscall: { args: [word, word, word, word, word], returns: word } });
      syscall = library.symbols.syscall as unknown as Syscall;
      return syscall;
    } catch (error) {
      if (name === LIBC_NAMES.at(-1) && process.env["PADDOCK_DEBUG_FFI"]) console.error(error);
    }
  }
  return null;
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
