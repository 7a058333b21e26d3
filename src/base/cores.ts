/** Reads a list of processors in Linux's form, `0,5-7`; what is no such list is empty. */
export function parseCores(text: string): readonly number[] {
  return text.split(",").flatMap((part) => {
    const match = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(part);
    if (match === null) return [];
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
  });
}

/** Writes a list of processors in the form that Linux and Nomad's `NOMAD_CPU_CORES` have: `0,5-7`. */
export function formatCores(cores: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const core of [...new Set(cores)].toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === core - 1) last[1] = core;
    else runs.push([core, core]);
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(",");
}
