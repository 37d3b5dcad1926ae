import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Deadline from "reprise/Deadline"
import type { HttpGuard } from "../HttpGuard.js"
import * as attempts from "./attempts.js"
import { build } from "./guard.js"
import * as order from "./order.js"
import { owned, type Responses } from "./responses.js"
import * as stage from "./stage.js"
import * as timeLimits from "./timeLimits.js"

/**
 * One guard as a stage of its own.
 *
 * @internal
 */
export const asStage = <E, R, E1>(
  client: HttpClient.HttpClient.With<E, R>,
  guard: HttpGuard<E1>
): HttpClient.HttpClient.With<E | E1, R> => {
  const guarded = order.make([build(guard)({})])!
  return stage.make((request) =>
    Effect.flatMap(Deadline.current, (deadlineMillis) => {
      const call = (responses: Responses) =>
        guarded(
          request,
          attempts.run(client, request, {}, timeLimits.none, Infinity, responses),
          deadlineMillis
        )
      return owned(call, handOver<E | E1>)
    })
  )
}

const handOver = <E>(
  exit: Exit.Exit<HttpClientResponse.HttpClientResponse, attempts.FailedAttempt>,
  responses: Responses
): Effect.Effect<HttpClientResponse.HttpClientResponse, E> => {
  if (Exit.isSuccess(exit)) {
    responses.handOver(exit.value)
    return Exit.succeed(exit.value)
  }
  const failed = Cause.failureOption(exit.cause)
  // A defect or an interruption: there is no error in it.
  if (Option.isNone(failed)) return Exit.failCause(exit.cause as Cause.Cause<never>)
  const { origin, response } = failed.value
  if (response !== undefined) responses.handOver(response)
  return origin._tag === "Response"
    ? Exit.succeed(origin.response)
    // What the client below failed with, or the rejection.
    : Exit.failCause(origin.cause as Cause.Cause<E>)
}
