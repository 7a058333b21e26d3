import fc from "fast-check";
import { loadJob } from "../../src/job/load.ts";
import { firstWord, jobWithRow, linesOf, readAttributeTable } from "./attribute-table.ts";

/*
 * Whole job files out of the lines of the table of attributes, several of them in each block and several groups and blocks of a kind, so that
 * what one attribute does to another comes up. Lines that are refused alone are left out, but for a few.
 */

/** What is written in some blocks, and the blocks in these. */
interface Tree {
  readonly begin: string;
  readonly lines: readonly string[];
  readonly inner: readonly Tree[];
}

const rows = readAttributeTable().map((row) => ({
  ...row,
  taken: loadJob("j.hcl", jobWithRow(row)).job !== undefined,
}));

/** Blocks that the trees have as blocks of their own. */
const NESTED = new Set([
  ...["group", "task", "config", "resources", "logs", "artifact", "template", "restart", "ephemeral_disk", "network"],
  ...["port", "dns", "service", "check", "check_restart", "constraint", "update"],
  // These want something of another block.
  ...["max_run_duration", "source"],
]);

/** The names that lines give a value outside of blocks in them. */
function namesIn(lines: string): string[] {
  let depth = 0;
  return lines.split("\n").flatMap((line) => {
    const outermost = depth === 0;
    depth += (line.match(/\{$/g)?.length ?? 0) - (line.match(/^\}/g)?.length ?? 0);
    return outermost ? [firstWord(line)] : [];
  });
}

/** Lines of which none gives a name its value again; earlier ones go before. */
function withoutTwins(lines: readonly string[]): string[] {
  const named = new Set<string>();
  return lines.filter((one) => {
    const names = namesIn(one);
    if (names.some((name) => named.has(name))) return false;
    for (const name of names) named.add(name);
    return true;
  });
}

const rowsOf = (block: string, taken: boolean): string[] =>
  rows
    .filter((row) => row.block === block && row.taken === taken && !NESTED.has(firstWord(row.text)))
    .map(({ text }) => linesOf(text));

/** Some lines of a block. @param always what the block must have. */
function linesIn(block: string, always: readonly string[] = []): fc.Arbitrary<string[]> {
  const some = fc.array(fc.constantFrom(...rowsOf(block, true)), { maxLength: 3 });
  const odd = rowsOf(block, false).map((line) => [line]);
  const none = fc.constant<string[]>([]);
  const more = odd.length === 0 ? none : fc.oneof({ weight: 80, arbitrary: none }, fc.constantFrom(...odd));
  return fc.tuple(some, more).map(([lines, refused]) => withoutTwins([...refused, ...lines, ...always]));
}

const tree = (
  begin: string,
  lines: fc.Arbitrary<readonly string[]>,
  ...inner: fc.Arbitrary<readonly Tree[]>[]
): fc.Arbitrary<Tree> =>
  fc.tuple(lines, ...inner).map(([written, ...blocks]) => ({ begin, lines: written, inner: blocks.flat() as Tree[] }));

const upTo = (most: number, of: fc.Arbitrary<Tree>): fc.Arbitrary<Tree[]> => fc.array(of, { maxLength: most });
const one = (of: fc.Arbitrary<Tree>): fc.Arbitrary<Tree[]> => of.map((block) => [block]);

const restart = tree("restart", linesIn("restart"));
/** Each line of it in the table is a whole one. */
const constraint = tree("constraint", fc.constantFrom(...rowsOf("constraint", true).map((line) => [line])));
const network = tree(
  "network",
  linesIn("network"),
  one(tree('port "web"', linesIn("port"))),
  upTo(1, tree("dns", linesIn("dns"))),
);
const check = tree(
  "check",
  linesIn("check", ['type = "http"', 'path = "/"', 'interval = "5s"', 'timeout = "1s"']),
  upTo(1, tree("check_restart", linesIn("check_restart"))),
);
const service = tree("service", linesIn("service", ['provider = "nomad"', 'port = "web"']), upTo(1, check));
const task = tree(
  'task "vm"',
  linesIn("task", ['driver = "qemu"']),
  one(tree("config", linesIn("config", ['image_path = "local/a.img"']))),
  upTo(1, tree("resources", linesIn("resources"))),
  upTo(1, tree("logs", linesIn("logs"))),
  upTo(2, tree("artifact", linesIn("artifact", ['source = "https://example.org/a.img"']))),
  upTo(1, tree("template", linesIn("template", ['destination = "local/x"', 'data = "x"']))),
  upTo(1, restart),
  upTo(1, constraint),
);
const group = tree(
  'group "g"',
  linesIn("group"),
  one(network),
  one(task),
  upTo(1, service),
  upTo(1, tree("update", linesIn("update"))),
  upTo(1, tree("ephemeral_disk", linesIn("ephemeral_disk"))),
  upTo(1, restart),
  upTo(2, constraint),
);

function write({ begin, lines, inner }: Tree): string {
  return [`${begin} {`, ...lines, ...inner.map(write), "}"].join("\n");
}

/** Job files of one or two groups. */
export const jobFiles: fc.Arbitrary<string> = fc
  .tuple(linesIn("job"), fc.array(group, { minLength: 1, maxLength: 2 }))
  .map(([lines, groups]) =>
    write({
      begin: 'job "j"',
      lines,
      inner: groups.map((one, index) => ({ ...one, begin: `group "g${index}"` })),
    }),
  );
