import type { Agent } from "../../src/agent/agent.ts";
import { createChangeSignal } from "../../src/events/bus.ts";
import type { LogChunk } from "../../src/logs/chunk.ts";

/** The one log of a fake agent. */
export interface FakeLog {
  append(data: string | Uint8Array): void;
  /** The task is dead: followers end. */
  end(): void;
  /** Thrown to whoever reads next. */
  fail(error: Error): void;
  /** How many read it just now. */
  readonly readers: number;
  /** Bytes that readers have asked for and got, all together. */
  readonly taken: number;
  /** Options of every reading so far. */
  readonly asked: Parameters<Agent["readLog"]>[2][];
}

const FILE = "alloc/logs/vm.stdout.0";

export function createFakeLog() {
  const pieces: Uint8Array[] = [];
  const asked: FakeLog["asked"] = [];
  const change = createChangeSignal(1);
  let [readers, taken, over, failure] = [0, 0, false, undefined as Error | undefined];
  return {
    asked,
    append: (data: string | Uint8Array) => {
      pieces.push(typeof data === "string" ? new TextEncoder().encode(data) : data);
      change.bump();
    },
    end: () => {
      over = true;
      change.bump();
    },
    fail: (error: Error) => {
      failure = error;
      change.bump();
    },
    get readers() {
      return readers;
    },
    get taken() {
      return taken;
    },
    async *read(options: FakeLog["asked"][number]): AsyncGenerator<LogChunk> {
      asked.push(options);
      readers++;
      try {
        let offset = 0;
        for (let next = 0; ; ) {
          const seen = change.index;
          if (failure) throw failure;
          const data = pieces[next];
          if (data !== undefined) {
            taken += data.length;
            yield { file: FILE, offset, data };
            offset += data.length;
            next++;
          } else if (!options.follow || over || options.signal.aborted) return;
          else await change.waitAbove(seen, options.signal);
        }
      } finally {
        readers--;
      }
    },
  };
}
