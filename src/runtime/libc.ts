import type { FFIFunction, FFIType, Library } from "bun:ffi";
import { runtimeKind } from "./kind.ts";

/** Names under which the C library is found: glibc, then musl for both architectures. */
const LIBC_NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/**
 * Functions of the C library, which the runtime has no door to.
 * @param describe their arguments and results, in the types that it is handed.
 * @returns null where the runtime cannot call them, or the host is no Linux.
 */
export async function loadLibc<Functions extends Record<string, FFIFunction>>(
  describe: (types: typeof FFIType) => Functions,
): Promise<Library<Functions>["symbols"] | null> {
  if (runtimeKind !== "bun" || process.platform !== "linux") return null;
  const { dlopen, FFIType: types } = await import("bun:ffi");
  const functions = describe(types);
  for (const name of LIBC_NAMES) {
    try {
      return dlopen(name, functions).symbols;
    } catch (error) {
      if (name === LIBC_NAMES.at(-1) && process.env["PADDOCK_DEBUG_FFI"]) console.error(error);
    }
  }
  return null;
}
