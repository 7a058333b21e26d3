import { holds } from "./assertion.ts";
import type { Program, Step } from "./program.ts";

/** Where the groups of a match begin and end, in UTF-16 code units, two numbers each; -1 for one that took no part. */
export type Match = readonly number[];

/** Told how many steps were taken, now and then. */
export type OnWork = (steps: number) => void;

/** One way that the program could still take, with the places in the text that it has kept. */
interface Thread {
  readonly at: number;
  readonly slots: readonly number[];
}

/**
 * Goes through a text once with all ways that a program could take, the preferred first (Pike's machine).
 * @param groups how many there are, the whole match among them.
 */
export function findMatch(
  program: Program,
  groups: number,
  text: string,
  from: number,
  onWork: OnWork,
): Match | undefined {
  // A search begins with a list as long as the program.
  onWork(Math.ceil(program.steps.length / 64));
  return new Search(program, text, onWork).run(from, groups);
}

class Search {
  readonly #steps: readonly Step[];
  readonly #start: number;
  readonly #text: string;
  readonly #onWork: OnWork;
  /** By step, the round in which it was last reached: no step is taken twice in one. */
  readonly #reached: Int32Array;
  #round = 0;
  /** Steps since they were told last. */
  #taken = 0;

  constructor({ steps, start }: Program, text: string, onWork: OnWork) {
    this.#steps = steps;
    this.#start = start;
    this.#text = text;
    this.#onWork = onWork;
    this.#reached = new Int32Array(steps.length);
  }

  run(from: number, groups: number): Match | undefined {
    const nothing = Array.from({ length: 2 * groups }, () => -1);
    let threads: Thread[] = [];
    let match: Match | undefined;
    for (let at = from; ; ) {
      const code = this.#text.codePointAt(at);
      const width = code !== undefined && code > 0xffff ? 2 : 1;
      if (match === undefined) {
        // A later start counts less than all that began before it.
        if (threads.length === 0) this.#round++;
        this.#follow(threads, { at: this.#start, slots: nothing.with(0, at) }, at);
      }
      const next: Thread[] = [];
      this.#round++;
      for (const { at: place, slots } of threads) {
        const step = this.#steps[place];
        if (step?.kind === "match") {
          match = slots.with(1, at);
          break;
        }
        if (step?.kind !== "set" || code === undefined || !step.set.has(code)) continue;
        this.#follow(next, { at: step.next, slots }, at + width);
      }
      threads = next;
      this.#onWork(this.#taken + 1);
      this.#taken = 0;
      if (code === undefined || (threads.length === 0 && match !== undefined)) return match;
      at += width;
    }
  }

  /** Adds the threads at which characters are looked at next, in order of preference. */
  #follow(threads: Thread[], start: Thread, position: number): void {
    const open: Thread[] = [start];
    for (let thread = open.pop(); thread !== undefined; thread = open.pop()) {
      const { at, slots } = thread;
      const step = this.#steps[at];
      if (step === undefined || this.#reached[at] === this.#round) continue;
      this.#reached[at] = this.#round;
      // A place that is kept is a copy of all that are.
      this.#taken += step.kind === "save" ? slots.length : 1;
      if (step.kind === "split") open.push({ at: step.other, slots }, { at: step.next, slots });
      else if (step.kind === "save") open.push({ at: step.next, slots: slots.with(step.slot, position) });
      else if (step.kind === "assertion") {
        if (holds(step.assertion, this.#before(position), this.#text.codePointAt(position)))
          open.push({ at: step.next, slots });
      } else threads.push(thread);
    }
  }

  /** The character before a place; of a pair its second half, which no assertion tells from another. */
  #before(position: number): number | undefined {
    return position === 0 ? undefined : this.#text.charCodeAt(position - 1);
  }
}
