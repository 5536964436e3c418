import {
  INTERNAL_ERROR,
  ProtocolError,
  SdkError,
  SdkErrorCode,
  SdkHttpError,
} from "@modelcontextprotocol/client";

import {
  isTuttiError,
  messageOf,
  TuttiError,
  type ErrorCode,
  given,
} from "../../../../config/index.ts";
import { LimitedError } from "./http.ts";
import { faultOf } from "./message.ts";

function codeOf(thrown: unknown): ErrorCode {
  // The server's own word: an internal error may pass, a refusal will not.
  if (thrown instanceof ProtocolError)
    return thrown.code === INTERNAL_ERROR ? "step_execution_failed" : "tool_failed";
  // 400 and 404 are how servers answer a session they no longer know; a new session is made next time.
  if (thrown instanceof SdkHttpError)
    return thrown.status === 401 || thrown.status === 403 ? "tool_failed" : "tool_unavailable";
  if (thrown instanceof SdkError && thrown.code === SdkErrorCode.InvalidResult)
    return "tool_output_invalid";
  return "tool_unavailable";
}

/**
 * What a failed exchange with an MCP server means for the step.
 *
 * @param overflow The server was ended because it sent more than is allowed.
 */
export function mcpFailure(thrown: unknown, server: string, overflow: boolean): TuttiError {
  if (isTuttiError(thrown)) return thrown;
  const fault = faultOf(thrown);
  if (fault)
    return new TuttiError(fault.code, `${server}: ${fault.message}`, {
      details: { server },
      cause: fault,
    });
  if (thrown instanceof LimitedError) {
    const { retryAfterMs } = thrown;
    const { code, message, details } = mcpFailure(thrown.cause, server, overflow);
    return new TuttiError(code, message, { details: { ...details, retryAfterMs }, cause: thrown });
  }
  const status = thrown instanceof SdkHttpError ? thrown.status : undefined;
  const options = {
    details: { server, ...given({ status }) },
    cause: thrown,
  };
  if (overflow)
    return new TuttiError("tool_output_invalid", `${server} sent more than is allowed`, options);
  return new TuttiError(codeOf(thrown), `${server}: ${messageOf(thrown)}`, options);
}
