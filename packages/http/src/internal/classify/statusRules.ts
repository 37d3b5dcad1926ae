import type { Headers } from "@effect/platform/Headers"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Sent } from "./failure.js"
import * as RetryAfter from "./retryAfter.js"

/** @internal */
export interface StatusVerdict {
  readonly tag: "RateLimited" | "ServerError" | "ClientError" | "ProtocolFailure"
  readonly retryable: boolean
  readonly sent: Sent
  readonly retryAfter: Option.Option<Duration.Duration>
}

/**
 * The temporary errors of a server.
 *
 * @internal
 */
export const isTransient = (status: number): boolean => [500, 502, 503, 504].includes(status)

/** Statuses by which a server says that it did not process the request: RFC 9110 15.5.20, RFC 8470 5.2, RFC 6585 4. */
const refusals: ReadonlyArray<number> = [421, 425, 429]

const tagAndRetryable = (status: number) => {
  if (status === 429) return ["RateLimited", true] as const
  if (status >= 500) return ["ServerError", isTransient(status)] as const
  if (status >= 400) return ["ClientError", false] as const
  return ["ProtocolFailure", false] as const
}

/** @internal */
export const judge = (
  status: number,
  headers: Headers,
  nowMillis: number
): StatusVerdict => {
  const [tag, retryable] = tagAndRetryable(status)
  const retryAfter = RetryAfter.fromHeaders(headers, { nowMillis })
  const saysWhen = status === 503 && "retry-after" in headers && Option.isSome(retryAfter)
  return {
    tag,
    // The server's own word counts more than any table of statuses.
    retryable: Option.getOrElse(RetryAfter.shouldRetry(headers), () => retryable),
    sent: refusals.includes(status) || saysWhen ? "refused" : "maybe",
    retryAfter
  }
}
