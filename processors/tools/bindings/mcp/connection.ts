import { Client, type FetchLike, type Transport } from "@modelcontextprotocol/client";
import { fetch, type Dispatcher } from "undici";

import {
  compileTemplate,
  isCommandAllowed,
  isTuttiError,
  MAX_VALUE_BYTES,
  TuttiError,
  type Allowances,
  type JsonObject,
  type McpServerSpec,
} from "../../../../config/index.ts";
import { asText, bindingVariables } from "../../calling/variables.ts";
import type { BaseEnvironment } from "../command/process-group.ts";
import { GuardedAgent } from "../http/guarded-agent.ts";
import { rootOf } from "../http/http.ts";
import { HttpTransport } from "./http.ts";
import { StdioTransport } from "./stdio.ts";

/** A message is the value with its escapes and envelope around it. */
const MAX_MESSAGE_BYTES = 2 * MAX_VALUE_BYTES;
/** A broken stream is taken up again fast or not at all: a call waits for it. */
const RECONNECTION = {
  initialReconnectionDelay: 100,
  maxReconnectionDelay: 1_000,
  reconnectionDelayGrowFactor: 2,
  maxRetries: 2,
};

/** The SDK knows the types of Node's own fetch; undici's is the same function, of another version. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types differ in details only
const undiciFetch = fetch as unknown as (
  url: string | URL,
  init: Omit<RequestInit, "dispatcher"> & { readonly dispatcher: Dispatcher },
) => Promise<Response>;

export interface ConnectionOptions {
  readonly spec: McpServerSpec;
  readonly allow: Allowances;
  readonly base: BaseEnvironment;
  /** Values for `${{ secrets.X }}` in the server's declaration. */
  readonly secret: (name: string) => string;
  /** Values for `${{ args.x }}` in it: the input of the call it is started for. Default: none. */
  readonly args?: JsonObject;
}

/** A client with the transport it speaks through. */
export interface Connection {
  readonly client: Client;
  readonly transport: Transport;
  readonly release: () => Promise<void>;
  /** Settles with the handshake. */
  ready: Promise<void>;
  /** Why our own guard refused to connect; the SDK keeps only the message of it. */
  denied?: TuttiError;
  /** Calls that use it now. */
  calls: number;
  /** New calls do not use it any more; it goes with its last call. */
  retired: boolean;
  /** Set once it is given up. */
  dropped?: Promise<void>;
  /** Settles when it is given up and nothing of it is left. */
  readonly gone: Promise<void>;
  readonly leave: () => void;
}

/** Whether the server was ended because it sent more than is allowed. */
export const isOverflow = (transport: Transport | undefined): boolean =>
  transport instanceof StdioTransport && transport.overflow;

/**
 * Prepares a connection; nothing is started before the client connects.
 *
 * @throws TuttiError `tool_denied`, `secret_missing`.
 */
export function createConnection(options: ConnectionOptions): Connection {
  const { spec, allow, base, secret, args = {} } = options;
  const render = (text: string): string => {
    const template = compileTemplate(text, "binding");
    return asText(template.render(bindingVariables([template], args, secret)));
  };
  const rendered = (texts: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, render(text)]));
  const client = new Client(
    { name: "tutti", version: "1" },
    // Over HTTP the newer protocol ends a call by closing its request, which stateless servers
    // notice. Over stdio, asking for it costs a second process at each start.
    { versionNegotiation: { mode: spec.transport === "http" ? "auto" : "legacy" } },
  );
  let leave = (): void => undefined;
  const gone = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const fresh = { client, ready: Promise.resolve(), calls: 0, retired: false, gone, leave };
  if (spec.transport === "stdio") {
    const command = render(spec.command);
    if (!isCommandAllowed(allow, command))
      throw new TuttiError("tool_denied", `${command} is not in allow.commands`);
    const transport = new StdioTransport({
      command,
      args: spec.args.map(render),
      cwd: spec.cwd === undefined ? undefined : render(spec.cwd),
      env: { ...base, ...rendered(spec.env) },
      maxMessageBytes: MAX_MESSAGE_BYTES,
    });
    return { ...fresh, transport, release: () => transport.close() };
  }
  const agent = new GuardedAgent(allow);
  const guarded: FetchLike = async (url, init) => {
    try {
      const dispatcher = agent.for(new URL(url));
      return await undiciFetch(url, { ...init, dispatcher, redirect: "error" });
    } catch (thrown) {
      const root = rootOf(thrown);
      if (isTuttiError(root)) connection.denied = root;
      throw thrown;
    }
  };
  const transport = new HttpTransport({
    url: new URL(render(spec.url)),
    headers: rendered(spec.headers),
    fetch: guarded,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    reconnection: RECONNECTION,
  });
  const release = () => agent.close();
  const connection: Connection = { ...fresh, transport, release };
  return connection;
}
