import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import * as clock from "../effect/clock.js"
import type { AnyFiber } from "../effect/fiber.js"
import type { About, AboutSpan } from "../shell/pipelineModel.js"
import * as current from "./current.js"
import { ended, errorTypeOf } from "./errorType.js"
import { type MakeCall, type Observer, Observers, type Traced } from "./observers.js"
import type { Base, CallScope, Watched } from "./scope.js"

let count = 0

/** A call with observers. */
class Call extends Observers implements CallScope {
  override readonly id = ++count
  override readonly key: string
  number = 1
  attempts = 0
  private readonly outer: CallScope | undefined
  private readonly startMillis: number
  private readonly traced: ReadonlyArray<Traced> | undefined

  constructor(
    private readonly fiber: AnyFiber,
    observers: ReadonlyArray<Observer>,
    readonly about: About,
    readonly base: Base | undefined
  ) {
    super(observers, makeCall)
    this.key = about.key
    this.outer = current.enter(fiber, this)
    this.startMillis = clock.monotonicMillis(fiber)
    this.traced = trace(this, fiber, about.span ?? plain(about.key), true)
  }

  override errorTypeOf(error: unknown): string {
    return errorTypeOf(error, this.about.errorTypeOf?.(error))
  }

  within<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return current.within(this, below(this.traced, self))
  }

  watchAttempt(fiber: AnyFiber): Watched {
    return new Attempt(this, fiber)
  }

  end(exit: Exit.Exit<unknown, unknown>): void {
    const { about, attempts, fiber, id, key, startMillis, traced } = this
    current.leave(fiber, this, this.outer)
    const result = about.resultOf?.(exit) ?? exit
    const [outcome, errorType] = ended(result, this)
    const duration = since(fiber, startMillis)
    const timeMillis = clock.dateMillis(fiber)
    this.deliver({ _tag: "CallEnded", key, duration, outcome, errorType, attempts, timeMillis, call: id }, fiber)
    if (traced !== undefined) { for (const { end } of traced) end(result, errorType, {}) }
  }
}

/** @internal */
export const makeCall: MakeCall = (fiber, observers, about, base) => new Call(fiber, observers, about, base)

/** An admitted attempt. A hedge has its own fiber. */
class Attempt implements Watched {
  private readonly number: number
  private readonly startMillis: number
  private readonly outer: CallScope | undefined
  private readonly traced: ReadonlyArray<Traced> | undefined

  constructor(private readonly call: Call, private readonly fiber: AnyFiber) {
    const { about, id, key, number } = call
    call.attempts++
    this.number = number
    this.outer = current.enter(fiber, call)
    this.startMillis = clock.monotonicMillis(fiber)
    call.deliver({ _tag: "AttemptStarted", key, number, timeMillis: clock.dateMillis(fiber), call: id }, fiber)
    this.traced = trace(call, fiber, about.attempt ?? plain("attempt"), false)
    if (this.traced !== undefined) { for (const { span } of this.traced) about.attempt?.onSpan?.(span) }
  }

  within<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return below(this.traced, self)
  }

  end(exit: Exit.Exit<unknown, unknown>): void {
    const { call, fiber, number, startMillis, traced } = this
    const { about, id, key } = call
    current.leave(fiber, call, this.outer)
    const [outcome, errorType] = ended(exit, call)
    const duration = since(fiber, startMillis)
    const timeMillis = clock.dateMillis(fiber)
    call.deliver({ _tag: "AttemptEnded", key, duration, outcome, errorType, number, timeMillis, call: id }, fiber)
    if (traced === undefined) return
    const own = errorType !== undefined && { "error.type": errorType }
    const attributes = { ...about.attempt?.resultAttributes?.(exit), ...own }
    for (const { end } of traced) end(exit, errorType, attributes)
  }
}

const since = (fiber: AnyFiber, startMillis: number): Duration.Duration =>
  Duration.millis(Math.max(clock.monotonicMillis(fiber) - startMillis, 0))

const plain = (name: string): AboutSpan => ({ name, kind: "internal" })

/** The spans of all observers that make some. Most make none. */
const trace = (call: Call, fiber: AnyFiber, about: AboutSpan, isCall: boolean): ReadonlyArray<Traced> | undefined => {
  const { all, attempts, id } = call
  if (call.about.isTraced === false || all.every(({ trace }) => trace === undefined)) return undefined
  const parent = Option.getOrUndefined(Context.getOption(fiber.currentContext, Tracer.ParentSpan))
  // A hedge is also a request that is sent again.
  const resent = attempts > 1 ? { "http.request.resend_count": attempts - 1 } : {}
  const attributes = { ...about.attributes?.(), ...resent }
  const traceable = { name: about.name, kind: about.kind, call: id, isCall, parent, attributes }
  return all.flatMap(({ trace }) => trace?.(traceable, fiber) ?? [])
}

const below = <A, E, R>(
  traced: ReadonlyArray<Traced> | undefined,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  traced === undefined
    ? self
    : traced.reduce((self, { span }) => Effect.provideService(self, Tracer.ParentSpan, span), self)
