import { expect, test } from "bun:test";
import { refusalOf, testApi } from "../../../helpers/api.ts";
import { eventLines } from "../../../helpers/event-lines.ts";
import { allocation, evaluation, jobOf, jobRecord, jobText, NODE } from "../../../helpers/records.ts";
import { turn } from "../../../helpers/turn.ts";
import { until } from "../../../helpers/until.ts";

const STREAM = "/v1/event/stream";

/** An API whose agent was given a job, and is about to be given more. */
function filledApi() {
  const api = testApi();
  const record = { job: jobRecord(), evaluation: evaluation(), allocation: allocation() };
  api.agent.put(record);
  const open = async (query = "") => eventLines(await api.send("GET", `${STREAM}${query}`));
  return { ...api, ...record, open };
}

const beginning = async (lines: ReturnType<typeof eventLines>) => {
  expect(await lines.next()).toEqual({});
  return lines;
};

test("a stream begins with a heartbeat and what is kept, each change a line with the index of its change", async () => {
  const { open, agent, job, evaluation: made, allocation: placed } = filledApi();
  const lines = await beginning(await open());
  const { index, events } = await lines.events();
  expect(index).toBe(21);
  expect(
    events.map(({ Topic, Type, Key, Namespace, FilterKeys, Index }) => [
      Topic,
      Type,
      Key,
      Namespace,
      FilterKeys,
      Index,
    ]),
  ).toEqual([
    ["Job", "EvaluationUpdated", "web", "default", [], 21],
    ["Evaluation", "EvaluationUpdated", made.id, "default", ["web"], 21],
    ["Allocation", "AllocationUpdated", placed.id, "default", ["web"], 21],
    ["Service", "ServiceRegistration", "_nomad-task-web", "default", ["web", "web"], 21],
  ]);
  expect(events[0]?.Payload).toMatchObject({ Job: { ID: "web", Version: job.version } });
  expect(events[2]?.Payload).toMatchObject({ Allocation: { ID: placed.id, Job: null, ClientStatus: "running" } });
  agent.put({ evaluation: made });
  expect((await lines.events()).index).toBe(22);
  await lines.cancel();
});

test("what a change did is told by Nomad's types", async () => {
  const { open, agent } = filledApi();
  const lines = await open(`?index=22`);
  const told = async () => (await lines.events()).events.map(({ Topic, Type }) => `${Topic} ${Type}`);
  const at = (index: number) => ({ createIndex: index, modifyIndex: index });
  const job = jobRecord({ jobModifyIndex: 22 });
  agent.put({ job, evaluation: evaluation(at(22)), allocation: allocation(at(22)) });
  expect(await told()).toEqual(["Job JobRegistered", "Evaluation JobRegistered", "Allocation PlanResult"]);
  agent.put({
    job: { ...job, stop: true, jobModifyIndex: 23 },
    evaluation: evaluation({ ...at(23), triggeredBy: "job-deregister" }),
    allocation: allocation({ desired: "stop" }),
  });
  expect(await told()).toEqual([
    "Job JobDeregistered",
    "Evaluation JobDeregistered",
    "Allocation AllocationUpdateDesiredStatus",
  ]);
  agent.put({ evaluation: evaluation({ ...at(24), triggeredBy: "alloc-stop" }) });
  expect(await told()).toEqual(["Evaluation AllocationUpdateDesiredStatus"]);
  agent.feed.add({ index: 25, entries: [{ kind: "job", record: job, purged: true }] }, 1);
  agent.feed.add({ index: 26, entries: [{ kind: "node", node: NODE }] }, 1);
  const { events } = await lines.events();
  expect(events).toMatchObject([{ Type: "JobDeregistered", Payload: { Job: { Stop: true }, Deleted: true } }]);
  expect(await told()).toEqual(["Node NodeRegistration"]);
  await lines.cancel();
});

for (const [query, topics] of [
  ["?topic=Job", ["Job"]],
  ["?topic=Job&topic=Evaluation", ["Job", "Evaluation"]],
  ["?topic=*", ["Job", "Evaluation", "Allocation", "Service"]],
  ["?topic=*:web", ["Job", "Evaluation", "Allocation", "Service"]],
  ["?topic=Job:web", ["Job"]],
  ["?topic=Job:other", []],
  ["?topic=Allocation:web", ["Allocation"]],
  [`?topic=Allocation:${allocation().id}`, ["Allocation"]],
  ["?topic=Allocation:other&topic=Allocation:web", ["Allocation"]],
  ["?topic=Deployment", []],
  ["?namespace=*", ["Job", "Evaluation", "Allocation", "Service"]],
  ["?namespace=default", ["Job", "Evaluation", "Allocation", "Service"]],
  ["?namespace=prod", []],
] as const) {
  test(`${query} asks for events of ${topics.join(", ") || "nothing that happens"}`, async () => {
    const { open, agent } = filledApi();
    // Of the node there are events for every topic's sake: this one ends the wait where nothing else comes.
    agent.feed.add({ index: 30, entries: [{ kind: "node", node: NODE }] }, 1);
    const lines = await open(`${query}${query.includes("topic") ? "&topic=Node" : ""}`);
    const { index, events } = await lines.events();
    expect(index === 30 ? [] : events.map(({ Topic }) => String(Topic))).toEqual([...topics]);
    await lines.cancel();
  });
}

test("what nobody has is refused", async () => {
  const { send } = filledApi();
  expect(await refusalOf(await send("GET", `${STREAM}?topic=Jobs:web`))).toEqual({
    status: 400,
    lines: [
      'query parameter topic: there is no topic "Jobs"',
      "hint: topics are Job, Evaluation, Allocation, Node, Service and *, with a key behind a colon, such as Job:web",
    ],
  });
  expect((await send("GET", `${STREAM}?index=-1`)).status).toBe(400);
  const head = await send("HEAD", STREAM);
  expect([head.status, await head.text()]).toEqual([200, ""]);
});

test("a stream says where it begins, and one that asks for less begins there", async () => {
  const { send, agent } = filledApi();
  for (let count = 0; count < 600; count++) agent.put({ evaluation: evaluation() });
  const reply = await send("GET", `${STREAM}?index=22`);
  expect([reply.headers.get("x-nomad-index"), reply.headers.get("x-paddock-oldest-index")]).toEqual(["621", "110"]);
  const lines = eventLines(reply);
  expect((await lines.events()).index).toBe(110);
  await lines.cancel();
});

test("a silent stream has a heartbeat every 10 s, one with events none", async () => {
  const { open, agent, clock } = filledApi();
  const lines = await beginning(await open("?index=22"));
  const next = lines.next();
  clock.advance(10_000);
  const before = await turn().then(() => clock.waiting);
  clock.advance(10_000);
  expect([before, await next]).toEqual([1, {}]);
  const told = lines.next();
  agent.put({ evaluation: evaluation() });
  expect(await told).toMatchObject({ Index: 22 });
  const quiet = lines.next();
  clock.advance(10_000);
  clock.advance(10_000);
  expect(await quiet).toEqual({});
  await lines.cancel();
});

test("whoever leaves costs nothing any more, and nothing is done while nobody listens", async () => {
  const { open, clock, agent } = filledApi();
  const read = agent.jobs;
  let reads = 0;
  agent.jobs = (prefix) => {
    reads++;
    return read(prefix);
  };
  const [one, other] = [await beginning(await open("?index=22")), await beginning(await open("?index=22"))];
  expect(clock.waiting).toBe(1);
  await one.cancel();
  expect(clock.waiting).toBe(1);
  await other.cancel();
  expect(clock.waiting).toBe(0);
  agent.put({ evaluation: evaluation() });
  await turn();
  expect(reads).toBe(0);
});

test("a reader that is too slow is cut off and told so, and nobody waits for it", async () => {
  const { open, agent, clock, send } = filledApi();
  const [slow, quick] = [await beginning(await open("?index=22")), await beginning(await open("?index=22"))];
  const seen: number[] = [];
  for (let count = 0; count < 600; count++) {
    agent.put({ evaluation: evaluation() });
    seen.push((await quick.events()).index);
  }
  expect(seen.at(-1)).toBe(621);
  clock.advance(10_000);
  const metrics = async () =>
    (await (await send("GET", "/v1/metrics?format=prometheus")).text()).match(/^paddock_event_streams\S* \d+$/gm);
  // Before it takes anything: one that never does would stay for ever.
  expect(await metrics()).toEqual(["paddock_event_streams 1", "paddock_event_streams_cut_total 1"]);
  const lines = [];
  for (let line = await slow.next(); line !== undefined; line = await slow.next()) lines.push(line);
  expect(lines.at(-1)).toMatchObject({
    Error: {
      Message: "events were not read in time and are not kept any more",
      Hint: "read the lists that you need, and go on from the X-Nomad-Index of their replies",
    },
  });
  expect(lines.length).toBeLessThan(5);
  await quick.cancel();
  expect(await metrics()).toEqual(["paddock_event_streams 0", "paddock_event_streams_cut_total 1"]);
  expect(clock.waiting).toBe(0);
});

test("a stream ends with the agent, and says so", async () => {
  const { open, stopping, clock } = filledApi();
  const lines = await beginning(await open("?index=22"));
  const next = lines.next();
  stopping.abort();
  expect(await next).toMatchObject({ Error: { Message: "the agent stops" } });
  expect([await lines.next(), clock.waiting]).toEqual([undefined, 0]);
});

test("a thousand streams are told of a change that is written once, by one timer", async () => {
  const { open, agent, clock } = filledApi();
  const all = await Promise.all(Array.from({ length: 1_000 }, () => open("?index=22&topic=Evaluation")));
  for (const lines of all) await beginning(lines);
  const read = agent.jobs;
  let reads = 0;
  agent.jobs = (prefix) => {
    reads++;
    return read(prefix);
  };
  const told = all.map((lines) => lines.events());
  agent.put({ evaluation: evaluation() });
  expect(new Set((await Promise.all(told)).map(({ index }) => index))).toEqual(new Set([22]));
  expect([reads, clock.waiting]).toEqual([1, 1]);
  for (const lines of all) await lines.cancel();
  await until("all to be gone", () => clock.waiting === 0);
});

test("streams that ask for different things are each told their own of one change", async () => {
  const { open, agent } = filledApi();
  const asked = ["?index=22&topic=Evaluation", "?index=22&topic=Job", "?index=22", "?index=22&topic=Node"];
  const all = await Promise.all(asked.map((query) => open(query)));
  for (const lines of all) await beginning(lines);
  const told = all.slice(0, 3).map((lines) => lines.events());
  const none = all[3]?.events().catch(() => "nothing");
  agent.put({ job: jobRecord(), evaluation: evaluation() });
  const topics = (await Promise.all(told)).map(({ events }) => events.map(({ Topic }) => Topic).toSorted());
  expect(topics).toEqual([["Evaluation"], ["Job"], ["Evaluation", "Job"]]);
  for (const lines of all) await lines.cancel();
  expect(await none).toBe("nothing");
});

test("whoever has left before the stream begins is nobody", async () => {
  const { api, clock } = filledApi();
  const gone = AbortSignal.abort();
  const reply = await api.fetch(new Request(`http://localhost${STREAM}`, { signal: gone }));
  expect(await reply.text()).toBe("");
  expect(clock.waiting).toBe(0);
});

test("there are so many streams at most", async () => {
  const { open, send } = filledApi();
  const all = await Promise.all(Array.from({ length: 4_096 }, () => open("?index=22")));
  for (const lines of all) await beginning(lines);
  const { status, lines } = await refusalOf(await send("GET", STREAM));
  expect([status, lines[0]]).toEqual([503, "4096 event streams are open"]);
  await all[0]?.cancel();
  const next = await open();
  for (const lines of [next, ...all]) await lines.cancel();
});

test("one event that cannot be written is left out and logged", async () => {
  const { open, agent, log } = filledApi();
  const lines = await beginning(await open("?index=22"));
  const read = agent.jobs;
  agent.jobs = () => {
    agent.jobs = read;
    throw new Error("a fault");
  };
  agent.put({ evaluation: evaluation() });
  agent.put({ job: jobRecord({ job: jobOf(jobText("later")) }) });
  expect(await lines.events()).toMatchObject({ index: 23, events: [{ Key: "later" }] });
  expect(log.some((line) => line.includes("an event was not told"))).toBe(true);
  await lines.cancel();
});
