/** A status with its name, such as `404 Not Found`. Asked for by what fails: Node's own HTTP, which knows the names, takes 5 MB to load. */
export async function describeStatus(status: number): Promise<string> {
  const { STATUS_CODES } = await import("node:http");
  return `${status} ${STATUS_CODES[status] ?? ""}`.trim();
}
