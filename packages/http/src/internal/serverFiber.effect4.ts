import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"

type Handler<E> = Fiber.Fiber<HttpServerResponse.HttpServerResponse, E>

type Ended<E> = Exit.Exit<HttpServerResponse.HttpServerResponse, E>

/**
 * Protects the rest of the fiber from interruption, up to the end of the interruptible part.
 *
 * @internal
 */
export const uninterruptible: Effect.Effect<void> = Effect.withFiber((fiber) => {
  // A private field. Without it, a client that goes away may end the fiber while it sends the response.
  ;(fiber as { interruptible?: boolean }).interruptible = false
  return Effect.void
})

/** @internal */
export const interrupt = (handler: Handler<unknown>): void => handler.interruptUnsafe()

/**
 * Interrupts the handler for the same reason as its parent: the server finds a client that went away by its
 * annotations.
 *
 * @internal
 */
export const passOn = <E>(handler: Handler<E>, cause: Cause.Cause<unknown>): Effect.Effect<Ended<E>> =>
  Effect.suspend(() => {
    const reason = cause.reasons.find(Cause.isInterruptReason)
    handler.interruptUnsafe(reason?.fiberId, reason && Cause.reasonAnnotations(reason))
    return Fiber.await(handler)
  })

/**
 * Ends as the handler did.
 *
 * @internal
 */
export const end = <E>(_: Handler<E>, exit: Ended<E>): Effect.Effect<HttpServerResponse.HttpServerResponse, E> => exit
