import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { monotonicMillis } from "../effect/clock.js"
import type { About, AboutSpan } from "../shell/pipelineModel.js"
import { ended, errorTypeOf } from "./errorType.js"
import type { Observers, Traceable } from "./observers.js"
import { current, type Watched } from "./scope.js"

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

let calls = 0

/**
 * A call that somebody watches.
 *
 * @internal
 */
export class Call {
  readonly id = ++calls
  number = 1
  attempts = 0

  constructor(readonly about: About) {}

  errorTypeOf(error: unknown): string {
    return errorTypeOf(error, this.about.errorTypeOf?.(error))
  }
}

type Told = Omit<Traceable, "parent">

/** @internal */
export const ofCall = (call: Call): Told => {
  const { key, span: { attributes, kind, name } = plain(key) } = call.about
  return { name, kind, call, isCall: true, attributes: attributes?.() ?? {} }
}

/** @internal */
export const ofAttempt = (call: Call): Told => {
  const { about: { attempt: { attributes, kind, name } = plain("attempt") }, attempts } = call
  // A hedge is a request that is sent again too.
  const resent = attempts > 1 ? { "http.request.resend_count": attempts - 1 } : {}
  return { name, kind, call, isCall: false, attributes: { ...attributes?.(), ...resent } }
}

const plain = (name: string): AboutSpan => ({ name, kind: "internal" })

/**
 * Begins the spans, and emits the event of the end.
 *
 * @internal
 */
export const begin = (own: Observers, fiber: AnyFiber, traceable: Told): Watched => {
  const { call, isCall } = traceable
  const { about, number } = call
  const startMillis = monotonicMillis(fiber)
  const parent = Option.getOrUndefined(Context.getOption(fiber.currentContext, Tracer.ParentSpan))
  const traced = about.isTraced === false ?
    [] :
    own.all.flatMap(({ trace }) => trace?.({ ...traceable, parent }, fiber) ?? [])
  if (!isCall) { for (const { span } of traced) about.attempt?.onSpan?.(span) }
  return {
    within: (self) => {
      const scoped = Effect.flatMap(FiberRef.set(current, own), () => self)
      return traced.reduce((self, { span }) => Effect.provideService(self, Tracer.ParentSpan, span), scoped)
    },
    end: (exit) => {
      own.isOver = true
      const result = isCall ? about.resultOf?.(exit) ?? exit : exit
      const [outcome, errorType] = ended(result, (error) => call.errorTypeOf(error))
      const duration = Duration.millis(Math.max(monotonicMillis(fiber) - startMillis, 0))
      const told = { key: about.key, duration, outcome, errorType }
      own.emit(
        isCall
          ? { _tag: "CallEnded", ...told, attempts: call.attempts }
          : { _tag: "AttemptEnded", ...told, number },
        fiber
      )
      if (traced.length === 0) return
      const attributes = isCall
        ? {}
        : { ...about.attempt?.resultAttributes?.(exit), ...(errorType !== undefined && { "error.type": errorType }) }
      for (const { end } of traced) end(result, errorType, attributes)
    }
  }
}
