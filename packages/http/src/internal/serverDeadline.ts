import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Deadline from "reprise/Deadline"
import * as Timeout from "reprise/Timeout"
import * as clock from "./clock.js"
import * as edges from "./effect.js"

type Response = HttpServerResponse.HttpServerResponse
type Ended<E> = Exit.Exit<Response, E>

const timedOut: Response = HttpServerResponse.empty({ status: 504 })

/**
 * Runs the handler with a deadline `millis` from now, or with an earlier deadline of the fiber, and answers 504 when it
 * passes.
 *
 * @internal
 */
export const limit = <E, R>(app: HttpApp.Default<E, R>, millis: number): HttpApp.Default<E, R> =>
  Effect.flatMap(
    Deadline.current,
    (outer) =>
      Effect.flatMap(clock.currentMonotonicMillis, (nowMillis): HttpApp.Default<E, R> => {
        const deadlineMillis = Math.min(outer, nowMillis + millis)
        const left = deadlineMillis - nowMillis
        return left > 0 ? within(app, left, deadlineMillis) : Effect.succeed(timedOut)
      })
  )

/**
 * If the server has the middleware, `app` sends the response too. The deadline does not limit that, because half a
 * response is worse than a late one. So the handler has a fiber of its own, which is not interrupted after it has its
 * response.
 */
const within = <E, R>(app: HttpApp.Default<E, R>, millis: number, deadlineMillis: number): HttpApp.Default<E, R> =>
  Effect.suspend(() => {
    const answer = { hasBegun: false }
    const begin = HttpApp.appendPreResponseHandler((_, response) =>
      Effect.flatMap(clock.currentMonotonicMillis, (nowMillis) => {
        answer.hasBegun = true
        return Effect.as(
          edges.uninterruptibleRest,
          isOutOfTime(response, deadlineMillis - nowMillis) ? timedOut : response
        )
      })
    )
    // The server runs it uninterruptibly, except for routes and for streams of bodies.
    const handling = Effect.interruptible(Effect.zipRight(begin, Deadline.locally(app, deadlineMillis)))
    return Effect.uninterruptible(
      Effect.flatMap(
        Effect.forkDaemon(handling),
        (handler) => Effect.flatMap(ending(handler, answer, millis), (exit) => edges.endAs(handler, exit))
      )
    )
  })

/**
 * Code within the handler may time out before the interruption of the handler. Both wait for the same moment, with
 * timers that may differ from the clock by a millisecond.
 */
const isOutOfTime = ({ status }: Response, leftMillis: number): boolean => status >= 500 && leftMillis <= 1

const ending = <E>(
  handler: Fiber.RuntimeFiber<Response, E>,
  answer: { readonly hasBegun: boolean },
  millis: number
): Effect.Effect<Ended<E>> => {
  const ended = Effect.interruptible(Fiber.await(handler))
  const timeout = Timeout.timeoutFail(ended, { duration: millis, onTimeout: () => "timeout" as const })
  return Effect.matchCauseEffect(timeout, {
    onSuccess: Effect.succeed,
    onFailure: (cause) => {
      if (!Cause.isFailure(cause)) return edges.passOnTo(handler, cause)
      if (answer.hasBegun) return Effect.catchAllCause(ended, (cause) => edges.passOnTo(handler, cause))
      // In one step with the check above: from now on the handler cannot finish its response.
      edges.interruptHandler(handler)
      return Effect.map(
        Fiber.await(handler),
        (exit) => Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause) ? Exit.succeed(timedOut) : exit
      )
    }
  })
}
