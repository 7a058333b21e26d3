import { expect, test } from "bun:test";
import { createTurns } from "../../../src/artifact/turns.ts";
import { turn } from "../../helpers/turn.ts";

const forever = new AbortController().signal;

/** Takes turns by name and notes who has one. */
function crowd(most: number) {
  const turns = createTurns(most);
  const inside: string[] = [];
  const waited: [string, number][] = [];
  const ends = new Map<string, () => void>();
  const come = async (name: string, signal: AbortSignal = forever): Promise<void> => {
    const end = await turns.take(signal, (before) => void waited.push([name, before]));
    inside.push(name);
    ends.set(name, () => {
      end();
      if (inside.includes(name)) inside.splice(inside.indexOf(name), 1);
    });
  };
  return { inside, waited, come, end: (name: string) => ends.get(name)?.() };
}

test("so many have a turn at a time, the others in the order in which they came", async () => {
  const { inside, waited, come, end } = crowd(2);
  const all = ["a", "b", "c", "d", "e"].map((name) => come(name));
  await turn();
  expect(inside).toEqual(["a", "b"]);
  expect(waited).toEqual([
    ["c", 2],
    ["d", 3],
    ["e", 4],
  ]);
  end("b");
  end("a");
  await turn();
  expect(inside).toEqual(["c", "d"]);
  end("c");
  await Promise.all(all);
  expect(inside).toEqual(["d", "e"]);
});

test("who gives up while waiting takes nobody's place", async () => {
  const { inside, come, end } = crowd(1);
  await come("a");
  const tired = new AbortController();
  const left = come("b", tired.signal).catch((error: unknown) => error);
  const next = come("c");
  tired.abort("enough");
  expect(await left).toBe("enough");
  end("a");
  await next;
  expect(inside).toEqual(["c"]);
});

test("who gives up in the very moment of being let in has a turn to end", async () => {
  const { inside, come, end } = crowd(1);
  await come("a");
  const tired = new AbortController();
  const entered = come("b", tired.signal);
  end("a");
  tired.abort("enough");
  await entered;
  expect(inside).toEqual(["b"]);
  end("b");
  await come("c");
  expect(inside).toEqual(["c"]);
});

test("a turn that is ended twice makes room for one", async () => {
  const { inside, come, end } = crowd(1);
  await come("a");
  end("a");
  end("a");
  const both = [come("b"), come("c")];
  await both[0];
  await turn();
  expect(inside).toEqual(["b"]);
  end("b");
  await both[1];
});

test("nobody is let in by a signal that has aborted", async () => {
  const { come, inside } = crowd(1);
  await expect(come("a", AbortSignal.abort("late"))).rejects.toBe("late");
  await come("b");
  expect(inside).toEqual(["b"]);
});
