// Passes TCP connections on: node scripts/forward.mjs <from port> <to port>
// For containers: the API listens to loopback only, and a published port does not arrive there.
// docker-compose.yml runs this beside the API, in the same network namespace.
import { connect, createServer } from "node:net";

const [from, to] = process.argv.slice(2).map(Number);

const server = createServer((outside) => {
  const inside = connect(to, "127.0.0.1");
  // Either side may go at any time; the other one then has nobody to talk to.
  outside.on("error", () => inside.destroy()).on("close", () => inside.destroy());
  inside.on("error", () => outside.destroy()).on("close", () => outside.destroy());
  outside.pipe(inside).pipe(outside);
});
server.listen(from, () => process.stdout.write(`${JSON.stringify(server.address())}\n`));
process.on("SIGTERM", () => process.exit(0));
