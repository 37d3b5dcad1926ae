import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as drain from "./drain.js"

type Response = HttpClientResponse.HttpClientResponse

/**
 * Owns the responses of one call. It holds each one from its arrival until it is drained, aborted or passed to the
 * caller.
 *
 * @internal
 */
export class Responses {
  private held: Array<Response> = []

  hold(response: Response): void {
    this.held.push(response)
  }

  /** Replaces a response by another object for it, such as one with a body in memory. */
  replace(response: Response, same: Response): Response {
    this.handOver(response)
    this.hold(same)
    return same
  }

  /** Makes the caller the owner. */
  handOver(response: Response): void {
    if (this.held.length === 1 && this.held[0] === response) this.held.pop()
    else this.held = this.held.filter((other) => other !== response)
  }

  /** Releases all of them before the next attempt, so that it can use their connections. */
  drain(limits: drain.Limits, deadlineMillis: number): Effect.Effect<void> {
    const release = (response: Response) =>
      // A reader has begun with a good response, so its connection is not worth keeping.
      Effect.map(response.status < 400 ? drain.abort(response) : drain.drain(response, limits, deadlineMillis), () =>
        this.handOver(response))
    return Effect.forEach(this.held, release, { discard: true })
  }

  /** Releases the responses that the caller does not get, before the result of the call. */
  before<A, E>(result: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.held.length === 0
      ? result
      : Effect.zipRight(Effect.forEach(this.held, drain.abort, { discard: true }), result)
  }
}
