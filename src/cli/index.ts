/** The door of src/cli/: a command line as a function. */
export { runCli } from "./run-cli.ts";
