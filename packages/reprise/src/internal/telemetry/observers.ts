import * as Duration from "effect/Duration"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Tracer from "effect/Tracer"
import { dateMillis } from "../effect/clock.js"
import * as log from "../effect/log.js"
import type { Reason } from "../retry/model.js"
import type { About } from "../shell/pipelineModel.js"
import { errorTypeOf } from "./errorType.js"
import type { Event, Source, Told, Waited } from "./event.js"
import type { Scope, Watched } from "./scope.js"
import * as watch from "./watch.js"

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/**
 * Someone who watches the calls of a fiber.
 *
 * @internal
 */
export interface Observer {
  /** Runs in the step of the event. */
  readonly onEvent?: ((event: Event, fiber: AnyFiber) => void) | undefined
  /** Sees the policies and budgets of every attempt. */
  readonly onSource?: ((source: Source) => void) | undefined
  /** Makes the span of a call or of an attempt. */
  readonly trace?: ((span: Traceable, fiber: AnyFiber) => Traced | undefined) | undefined
}

/** @internal */
export interface Traceable {
  readonly name: string
  readonly kind: Tracer.SpanKind
  readonly call: watch.Call
  /** Of a call, and not of an attempt. */
  readonly isCall: boolean
  readonly parent: Tracer.AnySpan | undefined
  readonly attributes: Readonly<Record<string, unknown>>
}

/** @internal */
export interface Traced {
  readonly span: Tracer.Span
  readonly end: (
    exit: Exit.Exit<unknown, unknown>,
    errorType: string | undefined,
    attributes: Readonly<Record<string, unknown>>
  ) => void
}

/**
 * The observers of a fiber, of a call or of an attempt.
 *
 * @internal
 */
export class Observers implements Scope {
  isOver = false

  constructor(
    readonly all: ReadonlyArray<Observer>,
    readonly call: watch.Call | undefined = undefined,
    readonly outer: Scope | undefined = undefined,
    readonly countsAttempts = call !== undefined
  ) {}

  emit(told: Told, fiber: AnyFiber): void {
    const event = { ...told, timeMillis: dateMillis(fiber), call: this.call?.id } as Event
    for (const observer of this.all) safely(observer, fiber, () => observer.onEvent?.(event, fiber))
  }

  see(source: Source | undefined, fiber: AnyFiber): void {
    if (source === undefined) return
    for (const observer of this.all) safely(observer, fiber, () => observer.onSource?.(source))
  }

  retry(fiber: AnyFiber, number: number, reason: Reason, error: unknown, delayMillis?: number): void {
    const { call } = this
    const errorType = call === undefined ? errorTypeOf(error) : call.errorTypeOf(error)
    const told = { key: call?.about.key ?? "", number, reason, errorType }
    this.emit(
      delayMillis === undefined
        ? { _tag: "RetryRefused", ...told }
        : { _tag: "RetryScheduled", ...told, delay: Duration.millis(delayMillis) },
      fiber
    )
  }

  rejected(fiber: AnyFiber, source: Source | undefined, error: unknown): void {
    const { key, policy } = source ?? unnamed
    this.emit({ _tag: "Rejected", policy, key, errorType: errorTypeOf(error) }, fiber)
  }

  waited(fiber: AnyFiber, source: Source | undefined, millis: number, outcome: Waited["outcome"]): void {
    const { key, policy } = source ?? unnamed
    this.emit({ _tag: "Waited", policy, key, duration: Duration.millis(millis), outcome }, fiber)
  }

  watchCall(fiber: AnyFiber, about: About, outer: Scope | undefined): Watched {
    const call = new watch.Call(about)
    return watch.begin(new Observers(this.all, call, outer), fiber, watch.ofCall(call))
  }

  watchAttempt(fiber: AnyFiber): Watched {
    // Only a call has attempts.
    const call = this.call!
    call.attempts++
    this.emit({ _tag: "AttemptStarted", key: call.about.key, number: call.number }, fiber)
    return watch.begin(new Observers(this.all, call, this, false), fiber, watch.ofAttempt(call))
  }

  joinInto(own: Scope | undefined): Scope | undefined {
    // A scope of another version of this module has other observers.
    if (own !== undefined && (own.outer !== undefined || !(own instanceof Observers))) return own
    const added = base(this).all.filter((observer) => own?.all.includes(observer) !== true)
    return added.length === 0 ? own : new Observers([...own?.all ?? [], ...added])
  }

  /** The same with one more observer. */
  with(observer: Observer): Observers {
    return new Observers([...this.all, observer], this.call, this.outer, this.countsAttempts)
  }
}

const base = (own: Observers): Observers => own.outer instanceof Observers ? base(own.outer) : own

const unnamed = { policy: "policy", key: "" }

/**
 * The scope with one more observer.
 *
 * @internal
 */
export const add = (own: Scope | undefined, observer: Observer): Observers =>
  own instanceof Observers ? own.with(observer) : new Observers([observer])

const broken = new WeakSet<Observer>()

/** An observer that throws harms no call. The log has one line about it. */
const safely = (observer: Observer, fiber: AnyFiber, f: () => void): void => {
  try {
    f()
  } catch (defect) {
    if (broken.has(observer)) return
    broken.add(observer)
    log.unsafeLog(fiber, "Warning", "Telemetry: a listener threw an error. Later errors of it are ignored.", {}, defect)
  }
}
