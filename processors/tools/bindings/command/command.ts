import { statSync } from "node:fs";

import {
  compileTemplate,
  parseJsonInSlices,
  isCommandAllowed,
  isTuttiError,
  messageOf,
  TuttiError,
  Turns,
  type Allowances,
  type Binding,
  type Json,
} from "../../../../config/index.ts";
import type { BoundTool } from "../../calling/binding.ts";
import { asText, bindingVariables } from "../../calling/variables.ts";
import { base64Value, textOf } from "../content/text.ts";
import { endOf, runCommand, type CommandResult } from "./command-run.ts";
import type { BaseEnvironment } from "./process-group.ts";

type CommandBinding = Extract<Binding, { type: "command" }>;

const compile = (text: string) => compileTemplate(text, "binding");

/** Of standard error in messages. Characters. */
const MAX_MESSAGE_CHARS = 300;

/** A list becomes one argument per element, null none, all else one. */
function argumentsOf(value: Json): string[] {
  if (Array.isArray(value)) return value.map((one: Json) => asText(one));
  return value === null ? [] : [asText(value)];
}

const LINE_END = /\r?\n$/;
/** What is taken apart at once. Characters. */
const SLICE_CHARS = 262_144;

/** The lines of a text, without holding the event loop for a long one. */
async function linesOf(text: string): Promise<string[]> {
  if (text === "") return [];
  const lines: string[] = [];
  const turns = new Turns();
  for (let at = 0; at <= text.length;) {
    const end = text.indexOf("\n", at + SLICE_CHARS);
    const part = text.slice(at, end === -1 ? text.length : end);
    // One by one: a million arguments are more than a call takes.
    for (const line of (end === -1 ? part : `${part}\n`).split(/\r?\n/)) lines.push(line);
    if (end === -1) return lines;
    // What follows the end of the part's last line.
    lines.pop();
    at = end + 1;
    if (turns.over) await turns.pause();
  }
  return lines;
}

async function parseOutput(
  stdout: Buffer,
  { parse, output }: CommandBinding,
  command: string,
): Promise<Json> {
  if (output === "base64") return base64Value(stdout);
  const whole = textOf(stdout, command);
  const text = whole.slice(0, whole.length - (LINE_END.exec(whole.slice(-2))?.[0].length ?? 0));
  if (parse === "text") return text;
  if (parse === "lines") return linesOf(text);
  // As an empty answer of a service is.
  if (text.trim() === "") return null;
  try {
    return await parseJsonInSlices(text, "tool_output_invalid");
  } catch (thrown) {
    throw new TuttiError(
      "tool_output_invalid",
      `${command} did not write JSON: ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** Of what a command wrote, in details. Characters. */
const MAX_SHOWN_CHARS = 4_096;

const lastOf = (text: string): string => text.split("\n").at(-1)?.slice(0, MAX_MESSAGE_CHARS) ?? "";

function failureOf(
  command: string,
  result: CommandResult,
  redact: (text: string) => string,
): TuttiError {
  const { exitCode, exitSignal } = result;
  // More is kept than is shown, so that the beginning, where a secret may have been cut, is not shown.
  const shown = (text: string): string => redact(text).slice(-MAX_SHOWN_CHARS);
  const stderr = shown(result.stderr);
  const stdout = shown(endOf(result.stdout));
  // Many programs tell on standard output what is wrong.
  const lastLine = lastOf(stderr) || lastOf(stdout);
  const how = exitCode === null ? `was ended by ${exitSignal}` : `exited with ${exitCode}`;
  return new TuttiError(
    "step_execution_failed",
    `${command} ${how}${lastLine === "" ? "" : `: ${lastLine}`}`,
    { details: { command, exitCode, signal: exitSignal, stderr, stdout } },
  );
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
}

function startFailure(command: string, thrown: unknown): TuttiError {
  const code = codeOf(thrown);
  const options = { details: { command, reason: code ?? null }, cause: thrown };
  if (code === "ENOENT" || code === "EACCES")
    return new TuttiError("tool_unavailable", `${command} cannot be started: ${code}`, options);
  if (code === "E2BIG")
    return new TuttiError("input_invalid", `the arguments of ${command} are too long`, options);
  return new TuttiError("step_execution_failed", messageOf(thrown), options);
}

/** `spawn` blames the binary when the folder is missing, so the folder is looked at first. */
function checkFolder(cwd: string): void {
  if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw new TuttiError("tool_failed", `the working directory ${cwd} is no directory`, {
    details: { cwd },
  });
}

/**
 * Binds a binary: arguments are handed over as they are, no shell reads them. See `command` in
 * config/tools/tool.ts for the meaning of the fields.
 *
 * @throws TuttiError `expression_invalid`.
 */
export function bindCommand(
  binding: CommandBinding,
  allow: Allowances,
  base: BaseEnvironment,
): BoundTool {
  const command = compile(binding.command);
  const args = binding.args.map(compile);
  const cwd = binding.cwd === undefined ? undefined : compile(binding.cwd);
  const stdin = binding.stdin === undefined ? undefined : compile(binding.stdin);
  const env = Object.entries(binding.env).map(([name, text]) => [name, compile(text)] as const);
  const templates = [command, ...args, ...env.map(([, one]) => one), cwd, stdin].filter(
    (one) => one !== undefined,
  );

  return {
    async call(input, context) {
      const variables = bindingVariables(templates, input, (name) => context.secret(name));
      const run = {
        command: asText(command.render(variables)),
        args: args.flatMap((one) => argumentsOf(one.render(variables))),
        cwd: cwd && asText(cwd.render(variables)),
        env: {
          ...base,
          ...Object.fromEntries(env.map(([name, one]) => [name, asText(one.render(variables))])),
        },
        stdin: stdin && asText(stdin.render(variables)),
        maxOutputBytes: binding.maxOutputBytes,
        signal: context.signal,
      };
      if (!isCommandAllowed(allow, run.command))
        throw new TuttiError("tool_denied", `${run.command} is not in allow.commands`);
      if ([...run.args, ...Object.values(run.env), run.cwd].some((one) => one?.includes("\0")))
        throw new TuttiError("input_invalid", "arguments of commands cannot hold NUL characters");
      if (run.cwd !== undefined) checkFolder(run.cwd);

      let result: CommandResult;
      try {
        result = await runCommand(run);
      } catch (thrown) {
        if (context.signal.aborted || isTuttiError(thrown)) throw thrown;
        throw startFailure(run.command, thrown);
      }
      if (result.overflow)
        throw new TuttiError(
          "tool_output_invalid",
          `${run.command} wrote more than ${binding.maxOutputBytes} bytes`,
        );
      if (result.exitCode === null || !binding.okExitCodes.includes(result.exitCode))
        throw failureOf(run.command, result, context.redact);
      return parseOutput(result.stdout, binding, run.command);
    },
    close: () => Promise.resolve(),
  };
}
