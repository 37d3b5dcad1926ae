import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Reason } from "reprise/Retry"
import type * as HttpFailure from "../classify/failure.js"
import { copy } from "../classify/failureBase.js"

/**
 * A failed attempt: what it was (nothing, for an error that has nothing to do with HTTP), and how to give back to the
 * caller exactly what the client below gave.
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
    /** Why another attempt is not worth it, whatever the failure: it would be rejected, as this one was perhaps. */
    readonly refusal?: Reason,
    /** The deadline of the caller came before the time that an attempt is given: it says nothing of the server. */
    readonly isCutShort = false,
    /** How many hedges were sent beside it. */
    readonly hedges = 0
  ) {}

  /** The response that the caller is given with this failure, if it is the last one. */
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

  /** The last failure of so many attempts beside each other, one of which may have been asked for a longer wait. */
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
  return HttpClientError.isHttpClientError(error) && error._tag === "ResponseError" && error.reason === "StatusCode"
    ? error.response
    : undefined
}
