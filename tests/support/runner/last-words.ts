import { relative } from "node:path";

import type { Reporter, TestModule } from "vitest/node";

/** An error is told by so many of its characters. */
const SHORT = 200;

interface Failing {
  readonly named: string;
  readonly errors: readonly { readonly message: string }[];
}

/** Says at the very end what failed, a line each: of a long log often the end is all that is kept. */
export default class LastWords implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const { named, errors } of modules.flatMap(failing))
      for (const { message } of errors)
        process.stderr.write(
          `failed: ${named}: ${message.replaceAll(/\s+/g, " ").slice(0, SHORT)}\n`,
        );
  }
}

function failing(module: TestModule): Failing[] {
  const path = relative("", module.moduleId);
  const suites = [...module.children.allSuites()].map((suite) => ({
    named: `${path} > ${suite.fullName}`,
    errors: suite.errors(),
  }));
  const tests = [...module.children.allTests("failed")].map((one) => ({
    named: `${path} > ${one.fullName}`,
    errors: one.result().errors ?? [],
  }));
  return [{ named: path, errors: module.errors() }, ...suites, ...tests];
}
