import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as HashSet from "effect/HashSet"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as RuntimeFlagsPatch from "effect/RuntimeFlagsPatch"

type Handler<E> = Fiber.RuntimeFiber<HttpServerResponse.HttpServerResponse, E>

type Ended<E> = Exit.Exit<HttpServerResponse.HttpServerResponse, E>

/**
 * Protects the rest of the fiber from interruption, up to the end of the interruptible part.
 *
 * @internal
 */
export const uninterruptible: Effect.Effect<void> = Effect.patchRuntimeFlags(
  RuntimeFlagsPatch.disable(RuntimeFlags.Interruption)
)

/** @internal */
export const interrupt = (handler: Handler<unknown>): void => handler.unsafeInterruptAsFork(FiberId.none)

/**
 * Interrupts the handler for the same reason as its parent: the server finds a client that went away by the
 * interruptor.
 *
 * @internal
 */
export const passOn = <E>(handler: Handler<E>, cause: Cause.Cause<unknown>): Effect.Effect<Ended<E>> => {
  const [interruptor = FiberId.none] = HashSet.toValues(Cause.interruptors(cause))
  return Fiber.interruptAs(handler, interruptor)
}

/**
 * Ends as the handler did, with its changes: a middleware within sets headers for every response.
 *
 * @internal
 */
export const end = <E>(
  handler: Handler<E>,
  exit: Ended<E>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E> => Effect.zipRight(handler.inheritAll, exit)
