import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import { dateMillis } from "../effect/clock.js"
import type * as local from "../effect/local.js"
import * as log from "../effect/log.js"
import type { Event, Source, Told } from "./event.js"

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
  readonly call: Call
  /** Of a call, and not of an attempt. */
  readonly isCall: boolean
  readonly parent: Tracer.AnySpan | undefined
  readonly attributes: Readonly<Record<string, unknown>>
}

/** @internal */
export interface Traced {
  readonly span: Tracer.Span
  readonly end: (exit: Exit.Exit<unknown, unknown>, attributes: Readonly<Record<string, unknown>>) => void
}

/**
 * A call that somebody watches.
 *
 * @internal
 */
export interface Call {
  readonly id: number
  readonly key: string
  /** The attempt that runs. */
  number: number
  readonly errorTypeOf: (error: unknown) => string
}

/**
 * Who watches a fiber, and which call it makes.
 *
 * @internal
 */
export class Scope implements local.Region {
  isOver = false

  constructor(
    readonly observers: ReadonlyArray<Observer>,
    readonly call?: Call,
    readonly outer?: Scope,
    /** Within an attempt, whatever asks policies is no attempt of this call. */
    readonly isAttempt = false
  ) {}

  emit(told: Told, fiber: AnyFiber): void {
    const event = { ...told, timeMillis: dateMillis(fiber), call: this.call?.id } as Event
    for (const observer of this.observers) safely(observer, fiber, () => observer.onEvent?.(event, fiber))
  }

  see(source: Source | undefined, fiber: AnyFiber): void {
    if (source === undefined) return
    for (const observer of this.observers) safely(observer, fiber, () => observer.onSource?.(source))
  }
}

const broken = new WeakSet<object>()

/** An observer that throws harms no call. The log has one line about it. */
const safely = (observer: Observer, fiber: AnyFiber, f: () => void): void => {
  try {
    f()
  } catch (defect) {
    // The hook of a pipeline makes an observer for every call.
    const own = observer.onEvent ?? observer
    if (broken.has(own)) return
    broken.add(own)
    log.unsafeLog(fiber, "Warning", "Telemetry: a listener threw an error. Later errors of it are ignored.", {}, defect)
  }
}

const baseOf = (scope: Scope | undefined): Scope | undefined => scope?.outer === undefined ? scope : baseOf(scope.outer)

/** A layer that was built in a fiber beside this one has added observers. */
const join = (own: Scope | undefined, other: Scope | undefined): Scope | undefined => {
  const mine = baseOf(own)?.observers ?? []
  const added = baseOf(other)?.observers.filter((observer) => !mine.includes(observer)) ?? []
  return added.length === 0 || own?.outer !== undefined ? own : new Scope([...mine, ...added])
}

/** @internal */
export const current: FiberRef.FiberRef<Scope | undefined> = globalValue(
  Symbol.for("reprise/Telemetry/current"),
  () => FiberRef.unsafeMake<Scope | undefined>(undefined, { join })
)

const open = (scope: Scope | undefined): Scope | undefined => scope?.isOver === true ? open(scope.outer) : scope

/**
 * `undefined` if nobody watches, which costs one look.
 *
 * @internal
 */
export const of = (fiber: AnyFiber): Scope | undefined => {
  const scope = fiber.getFiberRef(current)
  return scope === undefined ? undefined : open(scope)
}

/**
 * Emits an event in the step of the fiber that runs.
 *
 * @internal
 */
export const emit = (told: Told): void => {
  const fiber = Option.getOrUndefined(Fiber.getCurrentFiber())
  if (fiber !== undefined) of(fiber)?.emit(told, fiber)
}
