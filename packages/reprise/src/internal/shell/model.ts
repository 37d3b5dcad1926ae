import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Source } from "../telemetry/event.js"

/**
 * @since 3.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/Policy")

/**
 * Admits, delays or rejects attempts. `E` is the type of its rejection; `A` and `Err` are the types of the results that
 * it receives.
 *
 * @since 3.1.0
 * @category models
 */
export interface Policy<out E, in A = unknown, in Err = unknown> {
  readonly [TypeId]: typeof TypeId
  /**
   * A `judge` decides again after every wait. A `resource` keeps its grant during a later wait for a policy after it in
   * the list.
   */
  readonly kind: "judge" | "resource"
  /**
   * A hint: the policy usually holds something during an attempt, so the shell masks interruption before it decides.
   */
  readonly holds: boolean
  /** Its name, key and state in telemetry. Defaults to none. */
  readonly source?: Source | undefined
  /**
   * The error that it would reject every attempt with at that time, if nothing changes until then. A pipeline does not wait for such an
   * attempt: it ends with the error that it has. Defaults to none.
   */
  readonly rejectionAt?: ((millis: number) => E | undefined) | undefined
  /** Looks at one attempt. It must change nothing, unless it rejects. */
  readonly decide: (call: Call) => Decision<E, A, Err>
}

/**
 * One attempt that requests admission. It is the same object in every pass over the list.
 *
 * @since 3.1.0
 * @category models
 */
export interface Call {
  /** The monotonic clock in milliseconds, read at most once per pass. */
  readonly nowMillis: number
  /** The deadline of the attempt on the same clock; `Infinity` if there is none. */
  readonly deadlineMillis: number
  /** A call with a higher priority leaves a queue earlier. 0 by default. */
  readonly priority: number
  /** The share of a limit that the call counts towards. */
  readonly partition: string | undefined
  /** `false` for a hedge, which never waits. */
  readonly mayWait: boolean
}

/**
 * @since 3.1.0
 * @category models
 */
export type Decision<E, A = unknown, Err = unknown> = Admit<A, Err> | Reject<E> | Wait<E, A, Err>

/**
 * The policy lets the attempt run. One object may serve every call, so that an admission allocates nothing.
 *
 * @since 3.1.0
 * @category models
 */
export interface Admit<in A = unknown, in Err = unknown> {
  readonly _tag: "Admit"
  /** With `true`, the ticket receives every end, including interruptions. With `false`, it may miss an interruption. */
  readonly holds: boolean
  /** Takes the resources of the attempt. Runs in the same step as `decide`, after every policy has admitted. */
  readonly take: (call: Call) => Ticket<A, Err>
}

/**
 * The hold of an attempt on one policy. The shell calls exactly one of the two functions, once.
 *
 * @since 3.1.0
 * @category models
 */
export interface Ticket<in A = unknown, in Err = unknown> {
  /**
   * The attempt has ended. The state must be committed when this returns; a returned effect may only refine it. That
   * effect runs uninterruptibly before the caller gets its result, and its failure is ignored.
   */
  readonly settle?: ((end: End<A, Err>) => void | Effect.Effect<void>) | undefined
  /** The attempt never ran. The policy must undo `take`. */
  readonly withdraw?: (() => void) | undefined
}

/**
 * The end of an attempt, by the monotonic clock.
 *
 * @since 3.1.0
 * @category models
 */
export interface End<out A = unknown, out Err = unknown> {
  readonly exit: Exit.Exit<A, Err>
  readonly startMillis: number
  readonly nowMillis: number
  /** The duration of the attempt, with fractions of a millisecond. */
  readonly tookMillis: number
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Reject<out E> {
  readonly _tag: "Reject"
  readonly error: E
}

/**
 * The policy may admit the attempt later.
 *
 * @since 3.1.0
 * @category models
 */
export interface Wait<out E, in A = unknown, in Err = unknown> {
  readonly _tag: "Wait"
  /** Takes a place in the queue, in the same step as `decide`. */
  readonly enter: (call: Call) => Turn<E, A, Err>
  /** The error of a call that may not wait: a hedge, or a call without time left. Without it, such a call waits too. */
  readonly refuse?: (() => E) | undefined
}

/**
 * A place in a queue. It uses neither fibers nor timers: only the shell waits.
 *
 * @since 3.1.0
 * @category models
 */
export interface Turn<out E, in A = unknown, in Err = unknown> {
  /** Set by the shell. The policy calls it after it has committed a change that `poll` may report. */
  onWake: (() => void) | undefined
  /**
   * The shell polls no later than this, and at the deadline. It may change with every poll. Defaults to the deadline.
   */
  readonly untilMillis?: number | undefined
  /**
   * Work that the waiting call does for the policy before the first poll, such as a probe or a request to a store. It
   * ends with the call, and its failure is ignored. The policy limits its time.
   */
  readonly work?: Effect.Effect<unknown, unknown> | undefined
  /**
   * A ticket grants the place. `"again"` makes every policy decide again. `undefined` means not yet, and is not allowed
   * when `isPastDeadline` is true.
   */
  readonly poll: (nowMillis: number, isPastDeadline: boolean) => Ticket<A, Err> | Reject<E> | "again" | undefined
  /** Gives up the place and its grants. The shell may call it more than once. */
  readonly leave?: (() => void) | undefined
}

/**
 * The rejection of a policy.
 *
 * @since 3.1.0
 * @category models
 */
export type Error<P> = P extends Policy<infer E, never, never> ? E : never

/**
 * The results that every one of these policies can receive.
 *
 * @since 3.1.0
 * @category models
 */
export type Success<P> = [P] extends [Policy<unknown, infer A, never>] ? A : never

/**
 * The errors that every one of these policies can receive.
 *
 * @since 3.1.0
 * @category models
 */
export type Failure<P> = [P] extends [Policy<unknown, never, infer Err>] ? Err : never

/**
 * @since 3.1.0
 * @category options
 */
export interface CallOptions {
  /** A call with a higher priority leaves a queue earlier: any finite number. Defaults to 0. */
  readonly priority?: number | undefined
  /** The share of a limit that the call counts towards. Defaults to none. */
  readonly partition?: string | undefined
}

/**
 * A policy that never waits.
 *
 * @since 3.1.0
 * @category options
 */
export interface Simple<out E, in A = unknown, in Err = unknown> {
  /** The error to reject the attempt with, or `undefined` to admit it. */
  readonly admit: (call: Call) => E | undefined
  /** Receives the end of every attempt that ran, including interrupted ones. */
  readonly settle?: ((end: End<A, Err>) => void) | undefined
  /** Its name, key and state in telemetry. Defaults to none. */
  readonly source?: Source | undefined
}

/**
 * A policy in full.
 *
 * @since 3.1.0
 * @category options
 */
export interface Full<out E, in A = unknown, in Err = unknown> extends Omit<Policy<E, A, Err>, typeof TypeId> {}
