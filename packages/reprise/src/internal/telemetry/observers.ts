import * as Duration from "effect/Duration"
import type * as Exit from "effect/Exit"
import type * as Tracer from "effect/Tracer"
import { dateMillis } from "../effect/clock.js"
import type { AnyFiber } from "../effect/fiber.js"
import { unsafeLog } from "../effect/observe.js"
import type { Reason } from "../retry/model.js"
import type { About } from "../shell/pipelineModel.js"
import { errorTypeOf } from "./errorType.js"
import type { Event, Source, Told, Waited } from "./event.js"
import type { Base, CallScope, Scope } from "./scope.js"

/**
 * Observes the calls of a fiber.
 *
 * @internal
 */
export interface Observer {
  /** A fiber has one of a kind at most: twice, each event would have two log lines, or be counted twice. */
  readonly kind?: "logs" | "metrics" | "traces" | undefined
  /** Its layer was released: a fiber may have kept it. */
  isOver?: boolean
  /** Runs in the step of the event. */
  readonly onEvent?: ((event: Event, fiber: AnyFiber) => void) | undefined
  /** Receives the policies and budgets of every attempt. */
  readonly onSource?: ((source: Source) => void) | undefined
  /** Makes the span of a call or of an attempt. */
  readonly trace?: ((span: Traceable, fiber: AnyFiber) => Traced | undefined) | undefined
}

/** @internal */
export interface Traceable {
  readonly name: string
  readonly kind: Tracer.SpanKind
  /** The number of the call. */
  readonly call: number
  /** Whether it is the span of a call, and not of an attempt. */
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
 * Makes an observed call. It is a parameter, because a call has observers too.
 *
 * @internal
 */
export interface MakeCall {
  (fiber: AnyFiber, observers: ReadonlyArray<Observer>, about: About, base: Base | undefined): CallScope
}

/**
 * The observers of a fiber.
 *
 * @internal
 */
export class Observers implements Scope {
  readonly all: ReadonlyArray<Observer>

  constructor(all: ReadonlyArray<Observer>, private readonly makeCall: MakeCall) {
    this.all = all.every(isInForce) ? all : all.filter((observer) => observer.isOver !== true).filter(isInForce)
  }

  /** The number of the call that is made. */
  readonly id: number | undefined = undefined
  readonly key: string = ""

  errorTypeOf(error: unknown): string {
    return errorTypeOf(error)
  }

  emit(told: Told, fiber: AnyFiber): void {
    this.deliver({ ...told, timeMillis: dateMillis(fiber), call: this.id } as Event, fiber)
  }

  deliver(event: Event, fiber: AnyFiber): void {
    for (const observer of this.all) {
      if (observer.isOver === true) continue
      try {
        observer.onEvent?.(event, fiber)
      } catch (defect) {
        report(observer, fiber, defect)
      }
    }
  }

  see(source: Source | undefined, fiber: AnyFiber): void {
    if (source === undefined) return
    for (const observer of this.all) {
      try {
        observer.onSource?.(source)
      } catch (defect) {
        report(observer, fiber, defect)
      }
    }
  }

  retry(fiber: AnyFiber, number: number, reason: Reason, error: unknown, delayMillis?: number): void {
    const told = { key: this.key, number, reason, errorType: this.errorTypeOf(error) }
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
    this.emit({ _tag: "Waited", policy, key, duration: Duration.millis(Math.max(millis, 0)), outcome }, fiber)
  }

  watchCall(fiber: AnyFiber, about: About, base: Base | undefined): CallScope {
    return this.makeCall(fiber, this.all, about, base)
  }

  joinInto(own: Scope | undefined): Scope | undefined {
    // The scope of another copy of this module has other observers.
    if (own !== undefined && !(own instanceof Observers)) return own
    const added = this.all.filter((observer) => own?.all.includes(observer) !== true)
    return added.length === 0 ? own : new Observers([...own?.all ?? [], ...added], this.makeCall)
  }
}

/** It is not released, and the first of its kind: layers may be built beside each other. */
const isInForce = (observer: Observer, i: number, all: ReadonlyArray<Observer>): boolean =>
  observer.isOver !== true &&
  (observer.kind === undefined || all.findIndex(({ kind }) => kind === observer.kind) === i)

const unnamed = { policy: "policy", key: "" }

const broken = new WeakSet<Observer>()

/** An observer that throws does not fail the call. The log has one line about it. */
const report = (observer: Observer, fiber: AnyFiber, defect: unknown): void => {
  if (broken.has(observer)) return
  broken.add(observer)
  unsafeLog(fiber, "Warning", "Telemetry: a listener threw an error. Later errors of it are ignored.", {}, defect)
}
