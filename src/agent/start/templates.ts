import { fchmodSync, fchownSync } from "node:fs";
import { basename, isAbsolute, relative } from "node:path";
import { partName, publishText } from "../../artifact/download/part.ts";
import { type Folder, kindOf, lookAt, openFolder } from "../../artifact/folder.ts";
import { resolveTarget, type Target } from "../../artifact/target.ts";
import { AppError, errorText } from "../../base/errors.ts";
import { readUntrusted } from "../../base/files.ts";
import { interpolateText } from "../../job/interpolate.ts";
import type { Template } from "../../job/job.ts";
import { readVariables, renderTemplate } from "../../job/template-variables.ts";
import type { MachineUser } from "../../node/users.ts";
import type { TaskDirs } from "../../paths.ts";
import type { TemplateProblem } from "../../template/fault.ts";
import { createRenderer, type RenderTemplate } from "../../template/template.ts";
import type { AgentContext } from "../context.ts";
import type { Subject } from "./subject.ts";

/** The longest template that is read from a file; as much as a job file may hold. */
const MAX_SOURCE_BYTES = 4 << 20;

/** A template with the values of `${…}` in its paths; its text has actions of its own. */
export function interpolateTemplate(
  template: Template,
  env: Subject["env"],
  { node }: Pick<AgentContext, "node">,
): Template {
  const text = (path: string): string => interpolateText(path, env, node());
  return { ...template, source: text(template.source), destination: text(template.destination) };
}

/**
 * Writes the files that a task's templates make, anew at each start, into the task directory, which a machine has written to since: no
 * link is followed there, and a file gets its name when it is whole.
 * @param user who the files belong to; null for the agent's own.
 * @throws AppError `invalid` that names the template by its destination.
 */
export function renderTemplates(
  context: Pick<AgentContext, "node">,
  dirs: TaskDirs,
  { task, env }: Pick<Subject, "task" | "env">,
  user: MachineUser | null,
): void {
  const render = createRenderer(env);
  for (const written of task.templates ?? []) {
    const template = interpolateTemplate(written, env, context);
    try {
      const text = template.source === "" ? template.data : readSource(template.source, dirs);
      writeRendered(template, renderText(render, template, text), dirs, user);
    } catch (error) {
      const details = error instanceof AppError ? { hint: error.hint, cause: error } : { cause: error };
      throw new AppError("invalid", `template ${JSON.stringify(template.destination)}: ${errorText(error)}`, details);
    }
  }
}

function renderText(render: RenderTemplate, template: Template, text: string): string {
  const rendered = renderTemplate(render, template, text);
  if (!rendered.ok) throw problemsError(rendered.problems);
  const wrong = template.env ? readVariables(rendered.text).wrong : undefined;
  if (wrong !== undefined) throw problemsError([wrong]);
  return rendered.text;
}

function problemsError(problems: readonly TemplateProblem[]): AppError {
  const text = problems.map(({ line, message }) => `line ${line}: ${message}`).join("; ");
  return new AppError("invalid", text, { hint: problems.find(({ hint }) => hint !== undefined)?.hint });
}

/** A file of the task directory. @throws AppError `invalid` for one that is outside of it. */
function targetOf(name: "source" | "destination", path: string, dirs: TaskDirs): Target {
  const way = isAbsolute(path) ? relative(dirs.task, path) : path;
  const target = resolveTarget({ destination: way, mode: "file" }, dirs, "");
  if (target.folders[0] === basename(dirs.task)) return target;
  throw new AppError("invalid", `${name} leads out of the task directory`, { hint: 'use "local/…"' });
}

function readSource(source: string, dirs: TaskDirs): string {
  const { root, folders, fileName } = targetOf("source", source, dirs);
  const folder = openFolder(root, folders, "refuse");
  const name = JSON.stringify(source);
  try {
    assertFile(folder, fileName, `source ${name}`);
    const found = readUntrusted(folder.at(fileName), MAX_SOURCE_BYTES + 1);
    if (found === undefined) {
      throw new AppError("invalid", `source ${name}: there is no such file`, {
        hint: "an artifact block fetches it into local/",
      });
    }
    if (found.length > MAX_SOURCE_BYTES) throw new AppError("invalid", `source ${name} is longer than 4 MiB`);
    const text = found.toString("utf8");
    if (!Buffer.from(text).equals(found)) throw new AppError("invalid", `source ${name} is no text in UTF-8`);
    return text;
  } finally {
    folder.close();
  }
}

function writeRendered(template: Template, text: string, dirs: TaskDirs, user: MachineUser | null): void {
  const { root, folders, fileName } = targetOf("destination", template.destination, dirs);
  const folder = openFolder(root, folders);
  try {
    assertFile(folder, fileName, "destination");
    const part = partName(fileName);
    // Anything else that a machine left there goes.
    if (lookAt(folder.at(part))?.isDirectory()) assertFile(folder, part, part);
    publishText(folder, fileName, text, (fd) => {
      fchmodSync(fd, Number.parseInt(template.perms || "0644", 8));
      if (user !== null) fchownSync(fd, user.uid, user.gid);
    });
  } finally {
    folder.close();
  }
}

/** So that a message names what is wrong and not the open directory that it is looked up in. */
function assertFile(folder: Folder, fileName: string, what: string): void {
  const there = lookAt(folder.at(fileName));
  if (there === undefined || there.isFile()) return;
  throw new AppError("invalid", `${what}: expected a file or nothing, found a ${kindOf(there)}`);
}
