import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as drain from "./drain.js"

type Response = HttpClientResponse.HttpClientResponse

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * The owner of the responses of one call. It holds each from when it arrives until it is drained, aborted or handed to the
 * caller.
 *
 * @internal
 */
export class Responses {
  private held: Array<Response> = []

  hold(response: Response): void {
    this.held.push(response)
  }

  /** The same response by another object: one whose body was read, say. */
  replace(response: Response, same: Response): Response {
    this.handOver(response)
    this.hold(same)
    return same
  }

  /** From now on the caller owns it. */
  handOver(response: Response): void {
    if (this.held.length === 1 && this.held[0] === response) this.held.pop()
    else this.held = this.held.filter((other) => other !== response)
  }

  /** Releases all of them before the next attempt, so that it can use their connections. */
  drain(limits: drain.Limits, deadlineMillis: number): Effect.Effect<void> {
    const release = (response: Response) =>
      // A reader has begun with a response that is no failure, so its connection is not worth keeping.
      Effect.map(response.status < 400 ? drain.abort(response) : drain.drain(response, limits, deadlineMillis), () =>
        this.handOver(response))
    return Effect.forEach(this.held, release, { discard: true })
  }

  /** Before the result of the call: releases what the call does not hand over. */
  before<A, E>(result: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.held.length === 0
      ? result
      : Effect.zipRight(Effect.forEach(this.held, drain.abort, { discard: true }), result)
  }
}

/**
 * Runs one call. However it ends, also interrupted or with a defect, each of its responses is released, unless `finish`
 * hands it over.
 *
 * @internal
 */
export const owned = <A, B, E, E2, R>(
  call: (responses: Responses) => Effect.Effect<A, E, R>,
  finish: (exit: Exit.Exit<A, E>, responses: Responses) => Effect.Effect<B, E2>
): Effect.Effect<B, E2, R> =>
  Effect.withFiberRuntime((_, { runtimeFlags }) => {
    const responses = new Responses()
    const end = (exit: Exit.Exit<A, E>) => responses.before(finish(exit, responses))
    const run = (restore: Restore) =>
      Effect.matchCauseEffect(restore(call(responses)), {
        onSuccess: (value) => end(Exit.succeed(value)),
        onFailure: (cause) => end(Exit.failCause(cause))
      })
    // `Effect.uninterruptibleMask` in fewer operations.
    return RuntimeFlags.interruption(runtimeFlags) ? Effect.uninterruptible(run(Effect.interruptible)) : run(identity)
  })
