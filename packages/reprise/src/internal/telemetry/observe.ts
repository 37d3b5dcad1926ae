import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Tracer from "effect/Tracer"
import { monotonicMillis } from "../effect/clock.js"
import type { Reason } from "../retry/model.js"
import type { About, AboutSpan } from "../shell/pipelineModel.js"
import type { Event, Outcome } from "./event.js"
import * as scope from "./scope.js"

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

type AnyExit = Exit.Exit<unknown, unknown>

let calls = 0

const plainAttempt: AboutSpan = { name: "attempt", kind: "internal" }

/** A call that somebody watches, and the spans of its attempts. */
class Observed implements scope.Call {
  readonly id = ++calls
  number = 1
  attempts = 0

  constructor(readonly about: About) {}

  get key(): string {
    return this.about.key
  }

  errorTypeOf(error: unknown): string {
    return this.about.errorTypeOf?.(error) ?? errorTypeOf(error)
  }
}

/**
 * The tag or the name of an error: a message may hold secrets.
 *
 * @internal
 */
export const errorTypeOf = (error: unknown): string => {
  if (Predicate.hasProperty(error, "_tag") && typeof error._tag === "string") return error._tag
  return error instanceof Error ? error.name : "Error"
}

/**
 * How a call or an attempt ended, and the type of its error.
 *
 * @internal
 */
export const ended = (exit: AnyExit, of: (error: unknown) => string): readonly [Outcome, string | undefined] => {
  if (Exit.isSuccess(exit)) return ["success", undefined]
  const failed = Cause.failureOption(exit.cause)
  if (Option.isSome(failed)) return ["failure", of(failed.value)]
  return Cause.isInterruptedOnly(exit.cause) ? ["interrupted", undefined] : ["failure", "Defect"]
}

/**
 * A part of a program that is watched: what runs in it, and what must be called when it ends.
 *
 * @internal
 */
export interface Watched {
  readonly within: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly end: (exit: AnyExit) => void
}

/**
 * Watches a call.
 *
 * @internal
 */
export const call = (
  outer: scope.Scope | undefined,
  fiber: AnyFiber,
  about: About,
  onEvent: ((event: Event) => void) | undefined
): Watched => {
  const observers = outer?.observers ?? []
  const call = new Observed(about)
  const own = new scope.Scope(onEvent === undefined ? observers : [...observers, { onEvent }], call, outer)
  const { name = about.key, kind = "internal", attributes } = about.span ?? {}
  return watch(own, fiber, { name, kind, call, isCall: true, attributes: attributes?.() ?? {} })
}

/**
 * Watches an attempt of a call, after it was admitted.
 *
 * @internal
 */
export const attempt = (outer: scope.Scope, fiber: AnyFiber): Watched => {
  const call = outer.call as Observed
  call.attempts++
  const { attributes, kind, name } = call.about.attempt ?? plainAttempt
  const resent = call.number > 1 ? { "http.request.resend_count": call.number - 1 } : {}
  const own = new scope.Scope(outer.observers, call, outer, true)
  outer.emit({ _tag: "AttemptStarted", key: call.key, number: call.number }, fiber)
  return watch(own, fiber, { name, kind, call, isCall: false, attributes: { ...attributes?.(), ...resent } })
}

/**
 * Tells what a loop decided after an attempt that failed.
 *
 * @internal
 */
export const retry = (
  scope: scope.Scope,
  fiber: AnyFiber,
  number: number,
  reason: Reason,
  error: unknown,
  delayMillis?: number
): void => {
  const { call } = scope
  const errorType = call === undefined ? errorTypeOf(error) : call.errorTypeOf(error)
  const told = { key: call?.key ?? "", number, reason, errorType }
  scope.emit(
    delayMillis === undefined
      ? { _tag: "RetryRefused", ...told }
      : { _tag: "RetryScheduled", ...told, delay: Duration.millis(delayMillis) },
    fiber
  )
}

const watch = (
  own: scope.Scope,
  fiber: AnyFiber,
  traceable: Omit<scope.Traceable, "parent" | "call"> & { readonly call: Observed }
): Watched => {
  const { call, isCall } = traceable
  const { about, number } = call
  const startMillis = monotonicMillis(fiber)
  const parent = Option.getOrUndefined(Context.getOption(fiber.currentContext, Tracer.ParentSpan))
  const traced = about.isTraced === false
    ? []
    : own.observers.flatMap(({ trace }) => trace?.({ ...traceable, parent }, fiber) ?? [])
  if (!isCall) { for (const { span } of traced) about.attempt?.onSpan?.(span) }
  return {
    within: (self) => {
      const scoped = Effect.flatMap(FiberRef.set(scope.current, own), () => self)
      return traced.reduce((self, { span }) => Effect.provideService(self, Tracer.ParentSpan, span), scoped)
    },
    end: (exit) => {
      own.isOver = true
      const result = isCall ? about.resultOf?.(exit) ?? exit : exit
      const [outcome, errorType] = ended(result, (error) => call.errorTypeOf(error))
      const duration = Duration.millis(Math.max(monotonicMillis(fiber) - startMillis, 0))
      const told = { key: call.key, duration, outcome, errorType }
      own.emit(
        isCall
          ? { _tag: "CallEnded", ...told, attempts: call.attempts }
          : { _tag: "AttemptEnded", ...told, number },
        fiber
      )
      if (traced.length === 0) return
      const attributes = isCall ? undefined : about.attempt?.resultAttributes?.(exit)
      for (const { end } of traced) {
        end(result, { ...attributes, ...(errorType !== undefined && { "error.type": errorType }) })
      }
    }
  }
}
