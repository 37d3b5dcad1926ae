import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Reason } from "reprise/Retry"
import * as clientError from "../classify/clientError.js"
import type * as HttpFailure from "../classify/failure.js"
import { copy } from "../classify/failureBase.js"

/**
 * A failed attempt, with its failure (none for an error that does not concern HTTP) and the original result of the
 * client below.
 *
 * @internal
 */
export class FailedAttempt {
  constructor(
    readonly request: HttpClientRequest.HttpClientRequest,
    readonly failure: Option.Option<HttpFailure.HttpFailure>,
    readonly origin:
      | { readonly _tag: "Response"; readonly response: HttpClientResponse.HttpClientResponse }
      | { readonly _tag: "Cause"; readonly cause: Cause.Cause<unknown> },
    /** The reason not to make another attempt after any failure: it would be rejected, perhaps as this one was. */
    readonly refusal?: Reason,
    /**
     * Whether the deadline of the caller came before the limit of the attempt. Then the timeout says nothing about the
     * server.
     */
    readonly isCutShort = false,
    /** The number of hedges beside it. */
    readonly hedges = 0
  ) {}

  /** The response that the caller gets with this failure, if it is the last one. */
  get response(): HttpClientResponse.HttpClientResponse | undefined {
    return this.origin._tag === "Response" ? this.origin.response : statusErrorResponse(this.origin.cause)
  }

  being(failure: HttpFailure.HttpFailure): FailedAttempt {
    return new FailedAttempt(
      this.request,
      Option.some(failure),
      this.origin,
      this.refusal,
      this.isCutShort,
      this.hedges
    )
  }

  refusing(reason: Reason): FailedAttempt {
    return new FailedAttempt(this.request, this.failure, this.origin, reason, this.isCutShort, this.hedges)
  }

  /** The last failure of several parallel attempts, one of which may have a longer `retryAfter`. */
  among(hedges: number, retryAfter: Option.Option<Duration.Duration>): FailedAttempt {
    const failure = Option.isNone(retryAfter)
      ? this.failure
      : Option.map(this.failure, (own) => copy(own, { retryAfter }))
    return new FailedAttempt(this.request, failure, this.origin, this.refusal, this.isCutShort, hedges)
  }
}

/**
 * `filterStatusOk` below turns a response into an error that still holds the unread body.
 *
 * @internal
 */
export const statusErrorResponse = (cause: Cause.Cause<unknown>): HttpClientResponse.HttpClientResponse | undefined => {
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  return HttpClientError.isHttpClientError(error) && clientError.kindOf(error) === "StatusCode"
    ? clientError.responseOf(error)
    : undefined
}
