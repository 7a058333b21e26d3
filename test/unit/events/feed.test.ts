import { expect, test } from "bun:test";
import { createFeed } from "../../../src/events/feed.ts";

/** A feed with one occasion at each of these indexes, of one byte each. */
function feedOf(indexes: readonly number[], limits = { most: 10, heaviest: 100 }) {
  const feed = createFeed<string>(limits);
  for (const index of indexes) feed.add({ index, entries: [`at ${index}`] }, 1);
  return feed;
}

/** The indexes of all that a reader finds who begins at an index. */
function indexesFrom(feed: ReturnType<typeof feedOf>, index: number): (number | string)[] {
  const cursor = feed.open(index);
  const found: (number | string)[] = [];
  for (let next = cursor.take(); next !== undefined; next = cursor.take()) {
    found.push(next === "lost" ? next : next.index);
    if (next === "lost") break;
  }
  return found;
}

for (const [from, found] of [
  [0, [3, 5, 9]],
  [3, [3, 5, 9]],
  [4, [5, 9]],
  [9, [9]],
  [10, []],
] as const) {
  test(`a reader who begins at index ${from} finds what has that index and what came after it`, () => {
    expect(indexesFrom(feedOf([3, 5, 9]), from)).toEqual([...found]);
  });
}

test("a reader finds what comes later, each once, whatever its index", () => {
  const feed = feedOf([]);
  const cursor = feed.open(100);
  expect(cursor.take()).toBeUndefined();
  feed.add({ index: 2, entries: [] }, 1);
  feed.add({ index: 3, entries: [] }, 1);
  expect([cursor.take(), cursor.take(), cursor.take()]).toEqual([
    { index: 2, entries: [] },
    { index: 3, entries: [] },
    undefined,
  ]);
});

test("the oldest go when there are too many, and a reader who has not seen them learns that", () => {
  const feed = feedOf([1, 2, 3], { most: 3, heaviest: 100 });
  const [behind, beside] = [feed.open(0), feed.open(2)];
  feed.add({ index: 4, entries: [] }, 1);
  expect(feed.oldest).toBe(2);
  expect([behind.isLost, behind.take(), beside.isLost]).toEqual([true, "lost", false]);
  expect(indexesFrom(feed, 0)).toEqual([2, 3, 4]);
});

test("the oldest go when they are too heavy, and the newest stays however heavy it is", () => {
  const feed = feedOf([1, 2, 3], { most: 10, heaviest: 3 });
  feed.add({ index: 4, entries: [] }, 2);
  expect(indexesFrom(feed, 0)).toEqual([3, 4]);
  feed.add({ index: 5, entries: [] }, 1_000);
  expect(indexesFrom(feed, 0)).toEqual([5]);
  feed.add({ index: 6, entries: [] }, 1);
  expect(indexesFrom(feed, 0)).toEqual([6]);
});

test("whoever listens is told of each occasion until it ends that", () => {
  const feed = feedOf([1]);
  let told = 0;
  const end = feed.listen(() => told++);
  feed.add({ index: 2, entries: [] }, 1);
  feed.add({ index: 3, entries: [] }, 1);
  end();
  feed.add({ index: 4, entries: [] }, 1);
  expect(told).toBe(2);
  expect(createFeed().oldest).toBeNull();
});
