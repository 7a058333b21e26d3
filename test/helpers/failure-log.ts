/** Lines of one test's output that are kept; the end says most. */
const KEPT = 40;

const HEADER = /^test\/.*\.test\.ts:$/;
const VERDICT = /^\((pass|fail|skip|todo)\) /;
const SUMMARY = /^\d+ tests? failed:$/;
const AFTERWORD = /^ {2}\^ /;

/**
 * Picks out of what `bun test` prints the tests that failed, each with its file and the last lines before its verdict, so that they can
 * be told once more at the end of a long run: there is where its reader looks, and often all that is kept of it.
 */
export class FailureLog {
  readonly failures: string[] = [];
  private file = "";
  private recent: string[] = [];
  private over = false;

  take(line: string): void {
    // A long run ends with the verdicts of all that failed once more, without what was printed about them.
    if (SUMMARY.test(line)) this.over = true;
    if (this.over) return;
    if (HEADER.test(line)) {
      this.file = line;
      this.recent = [];
    } else if (AFTERWORD.test(line) && this.recent.length === 0 && this.failures.length > 0) {
      this.failures.push(`${this.failures.pop()}\n${line}`);
    } else if (VERDICT.test(line)) {
      if (line.startsWith("(fail)")) this.failures.push([this.file, ...this.recent, line].join("\n"));
      this.recent = [];
    } else {
      this.recent = [...this.recent, line].slice(-KEPT);
    }
  }
}
