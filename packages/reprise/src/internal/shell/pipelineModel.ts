import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Schedule from "effect/Schedule"
import type * as Tracer from "effect/Tracer"
import type { RetryBudget } from "../budget/model.js"
import type { Hedge } from "../hedge/model.js"
import type * as Loop from "../retry/model.js"
import type { Listener } from "../telemetry/event.js"
import type { AttemptTimeout, DeadlineExceeded } from "../timeErrors.js"
import type * as Policy from "./model.js"

/**
 * Runs effects through one stack. Every call may have a priority and a partition of its own.
 *
 * @since 3.1.0
 * @category models
 */
export interface Pipeline<in In, in A, in Err, out E, out R> {
  <A1 extends A, E1 extends In & Err, R1>(
    self: Effect.Effect<A1, E1, R1>,
    call?: Policy.CallOptions
  ): Effect.Effect<A1, E1 | E | DeadlineExceeded<E1 | E>, R | R1>
}

/**
 * Every part is optional.
 *
 * @since 3.1.0
 * @category options
 */
export interface Options<in In, out R, out Policies extends ReadonlyArray<Policy.Policy<unknown, never, never>>> {
  /** The most time for one call, with all its attempts and waits. Defaults to no limit. */
  readonly deadline?: Duration.DurationInput | undefined
  /** The retry policy: a schedule, or an object with details. Defaults to `false`: one attempt. */
  readonly retry?:
    | Schedule.Schedule<unknown, In, R>
    | {
      /** Defaults to exponential backoff from 100 ms to 20 s with jitter, for 2 retries, or the number in `times`. */
      readonly schedule?: Schedule.Schedule<unknown, In, R> | undefined
      /**
       * Whether another attempt can succeed, and is safe, after an error of the effect or an `AttemptTimeout`. Defaults to `true`, unless
       * the error has a `retryable` that is `false`. The rejection of a policy ends the call, unless the schedule names its tag
       * (`Retry.whileTag`).
       */
      readonly while?: ((error: In | AttemptTimeout) => boolean) | undefined
      /** How many retries at the most. Defaults to as many as the schedule has. */
      readonly times?: number | undefined
    }
    | false
    | undefined
  /** Makes another attempt beside one that takes too long. A hedge never waits for a policy. Defaults to none. */
  readonly hedge?: Hedge | undefined
  /** Bounds how many retries and hedges the pipeline adds to all calls. Defaults to none. */
  readonly budget?: RetryBudget | undefined
  /** The policies of every attempt, from the outside in. Defaults to none. */
  readonly policies?: Policies | undefined
  /** The most time for one attempt after its admission. Defaults to no limit. */
  readonly attemptTimeout?: Duration.DurationInput | undefined
  /** Names the calls in events, metrics and spans. Defaults to `"pipeline"`. */
  readonly key?: string | undefined
  /** Receives the events of every call: retries, rejections, waits. Made by `Telemetry.listener`. Defaults to none. */
  readonly listener?: Listener | undefined
}

/**
 * Describes a span for telemetry.
 *
 * @since 3.1.0
 * @category options
 */
export interface AboutSpan {
  readonly name: string
  readonly kind: Tracer.SpanKind
  /** Runs only if a tracer makes spans. Defaults to none. */
  readonly attributes?: (() => Readonly<Record<string, unknown>>) | undefined
}

/**
 * Describes a call for telemetry. No part of it may hold a secret.
 *
 * @since 3.1.0
 * @category options
 */
export interface About {
  /** The name of the dependency: an origin, a pipeline. */
  readonly key: string
  /** Whether the call and its attempts have spans. Defaults to `true`. */
  readonly isTraced?: boolean | undefined
  /** The span of the call. Defaults to an internal span with the name of the key. */
  readonly span?: AboutSpan | undefined
  /** The spans of the attempts. Defaults to internal spans with the name `attempt`. */
  readonly attempt?:
    | AboutSpan & {
      /** Called with the span before the attempt begins. */
      readonly onSpan?: ((span: Tracer.Span) => void) | undefined
      /** Attributes from the result of the attempt. */
      readonly resultAttributes?:
        | ((exit: Exit.Exit<unknown, unknown>) => Readonly<Record<string, unknown>> | undefined)
        | undefined
    }
    | undefined
  /** The type of an error: one of few strings. Defaults to its tag or name. */
  readonly errorTypeOf?: ((error: unknown) => string | undefined) | undefined
  /** The result of the call, if its effect ends with another value. */
  readonly resultOf?: ((exit: Exit.Exit<unknown, unknown>) => Exit.Exit<unknown, unknown>) | undefined
}

/**
 * One call, for those who build clients. It runs in one uninterruptible region: `restore` makes a part of it
 * interruptible.
 *
 * @since 3.1.0
 * @category options
 */
export interface Call<A, E, R, E1, out B, out E2> {
  /** The most time for the call, in milliseconds; `Infinity` for no limit of its own. */
  readonly millis: number
  /** The error of a call whose time is over. */
  readonly onDeadline: () => E1
  /** Describes the call for telemetry. It runs only if there are observers. Defaults to the key `""`. */
  readonly about?: ((fiber: Fiber.RuntimeFiber<unknown, unknown>) => About) | undefined
  /** Receives the events of this call; made by `Telemetry.listener`. Defaults to none. */
  readonly listener?: Listener | undefined
  /** Makes the call, in the region. Only parts inside `restore` are interruptible. */
  readonly run: (running: Running) => Effect.Effect<A, E, R>
  /** Runs last, after every result. Defaults to the result of `run`. */
  readonly end?: ((exit: Exit.Exit<A, E | E1>) => Effect.Effect<B, E2>) | undefined
}

/**
 * A call that runs.
 *
 * @since 3.1.0
 * @category models
 */
export interface Running {
  /** The deadline of the call on the clock of `Deadline.now`: its own, or that of the fiber if that is earlier. */
  readonly deadlineMillis: number
  /** Makes a part of the call interruptible, if its caller is. */
  readonly restore: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Runs one attempt of a race under its policies. Telemetry counts it. */
  readonly protect: <A, E, R, E2>(
    self: Effect.Effect<A, E, R>,
    policies: ReadonlyArray<Policy.Policy<E2, A, E>>,
    call?: Policy.CallOptions
  ) => Effect.Effect<A, E | E2, R>
  /** `Retry.loop`, with policies and time limits around each attempt. */
  readonly loop: <A, E, R, R1, R2, L, A0, E0>(
    options: RunningLoop<A, E, R, R1, R2, L, A0, E0>
  ) => Effect.Effect<readonly [exit: Exit.Exit<A, E>, ledger: Loop.Ledger<L>], never, R | R1 | R2>
}

/**
 * @since 3.1.0
 * @category options
 */
export interface AttemptLimit<out E> {
  /** The most time for the attempt; with zero it does not begin. */
  readonly millis: number
  /** The error of an attempt whose time is over. */
  readonly onTimeout: () => E
}

/**
 * @since 3.1.0
 * @category options
 */
export interface RunningLoop<A, E, R, R1, R2, L, A0, E0>
  extends Omit<Loop.Loop<A, E, R, R1, R2, L>, "attempt" | "deadlineMillis">, Policy.CallOptions
{
  /** Makes the attempt; `number` counts from 1. */
  readonly attempt: (number: number) => Effect.Effect<A0, E0, R>
  /** The policies of every attempt, from the outside in. Their rejections are errors of the loop. */
  readonly policies: ReadonlyArray<Policy.Policy<unknown, A, never>>
  /** The time of the attempt that begins now, in milliseconds; `undefined` for no limit. */
  readonly limit?:
    | ((fiber: Fiber.RuntimeFiber<unknown, unknown>) => AttemptLimit<E0> | undefined)
    | undefined
  /**
   * Whether the attempt is a race: each part of it passes the policies on its own, and counts as an attempt. Defaults
   * to `false`.
   */
  readonly isRace?: boolean | undefined
  /** Converts the result of an attempt for the policies and the loop. */
  readonly outcome: (exit: Exit.Exit<A0, E0>, fiber: Fiber.RuntimeFiber<unknown, unknown>) => Exit.Exit<A, E>
}
