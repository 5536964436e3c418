/** The door of src/cli/: a command line as a function, and what it knows. */
export { outlineOf } from "./outline.ts";
export { allCommands, runCli } from "./run-cli.ts";
