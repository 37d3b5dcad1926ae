import type * as Tracer from "effect/Tracer"
import type { AnyFiber } from "./fiber.js"

// What the versions of a module for Effect 3 and for Effect 4 share.

/**
 * The limit of a timeout.
 *
 * @internal
 */
export interface Limit<out E1> {
  readonly millis: number
  readonly onTimeout: () => E1
  /** The `Deadline` that the effect sees. */
  readonly deadlineMillis: number
}

/**
 * The value of a region: the code that runs within one effect. A fiber may live longer than the effect that forked it,
 * and then its region is over.
 *
 * @internal
 */
export interface Region {
  isOver: boolean
}

/**
 * The series of one metric with one set of tags.
 *
 * @internal
 */
export interface Series {
  readonly update: (value: number, fiber: AnyFiber) => void
}

/** @internal */
export interface SpanOptions {
  readonly name: string
  readonly kind: Tracer.SpanKind
  readonly parent: Tracer.AnySpan | undefined
}
