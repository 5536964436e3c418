import { fork } from "node:child_process";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

/** Runs a program in a process of its own, with its orders as an argument; what it says is its answer. */
export function inProcess<Answer>(program: URL, orders: object): Promise<Answer> {
  const text = JSON.stringify(orders);
  // Without the address of Redis, which holds a password.
  const { redisUrl: _address, ...told } = orders as { redisUrl?: string };
  const child = fork(fileURLToPath(program), [text]);
  return new Promise((resolve, reject) => {
    child.once("message", (answer) => resolve(answer as Answer));
    child.once("exit", (code, signal) =>
      reject(
        new Error(
          `${basename(program.pathname)} ${JSON.stringify(told)} ended early: ${code ?? signal}`,
        ),
      ),
    );
  });
}

/** Something that is yet to be played. */
export type Task = () => Promise<void>;

/** Plays so many at the same time, in their order; fewer from when the crew is made smaller. */
export async function severalAtOnce(
  crew: { readonly size: number },
  tasks: readonly Task[],
): Promise<void> {
  const left = [...tasks];
  const hands = Array.from({ length: crew.size }, async (_, hand) => {
    for (
      let next = left.shift();
      next !== undefined;
      next = hand < crew.size ? left.shift() : undefined
    )
      await next();
  });
  await Promise.all(hands);
}
