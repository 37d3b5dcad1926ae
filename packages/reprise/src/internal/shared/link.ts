import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as InvalidOption from "../../InvalidOption.js"
import { StoreError } from "../../StoreError.js"
import { disconnect } from "../effect/child.js"
import * as timeout from "../effect/timeout.js"
import * as telemetry from "../telemetry/current.js"
import { Lines } from "./lines.js"

/**
 * The connection to a store, which may be the user's own. A store that does not answer costs one wait and one line in
 * the log. Until it answers again, no call waits for it.
 *
 * @internal
 */
export class Link {
  isUp = true
  /** The number of answers so far. */
  answers = 0
  /** The next member whose request goes first while the store is away. */
  turn = 0
  /** Lines about the store: it is away, or it is back. */
  readonly lines = new Lines()
  /** Lines about single keys and answers. They never displace the line about an outage. */
  readonly keyLines = new Lines()

  constructor(
    /** The shared thing in words: the start of a sentence. */
    readonly what: string,
    readonly timeoutMillis: number
  ) {}
}

/**
 * A link to a store whose own numbers are in range; throws `InvalidOption` otherwise.
 *
 * @internal
 */
export const make = (what: string, timeoutOf: Duration.Duration): Link =>
  new Link(what, InvalidOption.millis("store.timeout", timeoutOf, { moreThan: 0 }))

/** @internal */
export const syncMillis = (interval: Duration.Duration): number =>
  InvalidOption.millis("store.syncInterval", interval, { moreThan: 0 })

/**
 * Sends a request to the store, checks the answer, and records whether it answered.
 *
 * A store that throws, dies, interrupts itself or returns no effect is away, like one that does not answer. But a
 * failure says nothing about the store if other requests got an answer meanwhile.
 *
 * @internal
 */
export const ask = <A>(
  link: Link,
  question: () => Effect.Effect<A, StoreError>,
  check: (answer: unknown) => A
): Effect.Effect<A, StoreError> =>
  Effect.suspend(() => {
    const before = link.answers
    return Effect.matchEffect(timeout.timeoutFail(checked(question, check), link.timeoutMillis, () => late(link)), {
      onSuccess: (answer) => {
        link.answers++
        return link.isUp ? Effect.succeed(answer) : Effect.as(up(link), answer)
      },
      onFailure: (error) => {
        // A refusal or an invalid answer is still an answer.
        if (error.reason !== "unavailable") link.answers++
        const isUp = link.answers !== before
        return isUp === link.isUp ? error : Effect.zipRight(isUp ? up(link) : down(link, error), error)
      }
    })
  })

const checked = <A>(
  question: () => Effect.Effect<A, StoreError>,
  check: (answer: unknown) => A
): Effect.Effect<A, StoreError> =>
  // Disconnected, because a store that cannot be interrupted must not delay the caller.
  disconnect(Effect.suspend(() => {
    const answer: unknown = question()
    return Effect.isEffect(answer) ? answer as Effect.Effect<unknown, unknown> : Effect.die(noEffect)
  })).pipe(
    Effect.catchAllCause((cause) => broken(cause)),
    Effect.flatMap((answer) => Effect.try({ try: () => check(answer), catch: asStoreError }))
  )

const noEffect = new Error("it returned no effect")

/** @internal */
export const asStoreError = (error: unknown): StoreError =>
  error instanceof StoreError
    ? error
    : new StoreError({ reason: "unreadable", description: "its answer cannot be read" })

/**
 * It does not include the interruption of the caller, which skips this handler.
 *
 * @internal
 */
export const broken = (cause: Cause.Cause<unknown>): StoreError => {
  const error = Cause.squash(cause)
  if (error instanceof StoreError) return error
  const message = Cause.isInterruptedOnly(cause) ? "it was interrupted" : short(error)
  return new StoreError({ reason: "unavailable", description: `the store died: ${message}` })
}

const short = (error: unknown): string => {
  try {
    return String(error instanceof Error ? error.message : error).slice(0, 200)
  } catch {
    return "an error without a message"
  }
}

/**
 * Logs one line for a refusal of the store, until an exchange succeeds again.
 *
 * @internal
 */
export const refused = (
  link: Link,
  member: { isRefused: boolean },
  what: string,
  { message, reason }: StoreError
): Effect.Effect<void> => {
  if (reason === "unavailable" || member.isRefused) return Effect.void
  member.isRefused = true
  return link.keyLines.write(Effect.logWarning, `${what} not shared. ${message}`)
}

/** The number of concurrent requests. */
const concurrency = 16

/**
 * Sends the request of each member, several at once, so that one without an answer does not delay the others.
 *
 * While the store does not answer, only one member sends a request, each time another one.
 *
 * @internal
 */
export const each = <A>(
  link: Link,
  all: ReadonlyArray<A>,
  exchange: (one: A) => Effect.Effect<unknown>
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const exchangeAll = (some: ReadonlyArray<A>) =>
      Effect.forEach(some, (one) => link.isUp ? exchange(one) : Effect.void, { concurrency, discard: true })
    if (link.isUp || all.length === 0) return exchangeAll(all)
    const at = link.turn++ % all.length
    return Effect.zipRight(exchange(all[at]!), exchangeAll([...all.slice(at + 1), ...all.slice(0, at)]))
  })

/**
 * Gives a leaving member the time of one answer for its last report. It runs in its own fiber: a finalizer cannot be
 * interrupted, and neither could a timeout in it.
 *
 * @internal
 */
export const farewell = (link: Link, effect: Effect.Effect<unknown>): Effect.Effect<void> =>
  link.isUp
    ? Effect.flatMap(
      Effect.forkDaemon(Effect.interruptible(timeout.timeoutFail(effect, link.timeoutMillis, () => undefined))),
      (fiber) => Effect.asVoid(Fiber.await(fiber))
    )
    : Effect.void

const late = ({ timeoutMillis }: Link): StoreError =>
  new StoreError({ reason: "unavailable", description: `no answer within ${timeoutMillis} ms` })

const up = (link: Link): Effect.Effect<void> =>
  Effect.suspend(() => {
    link.isUp = true
    telemetry.emit({ _tag: "StoreRestored", key: link.what })
    return link.lines.write(Effect.logInfo, `${link.what}: shared with other processes again`)
  })

const down = (link: Link, error: StoreError): Effect.Effect<void> =>
  Effect.suspend(() => {
    link.isUp = false
    telemetry.emit({ _tag: "StoreLost", key: link.what, errorType: error.reason })
    return link.lines.write(Effect.logWarning, `${link.what}: each process goes on by itself. ${error.message}`)
  })

const word = Effect.map(Random.nextIntBetween(0, 2 ** 48), (n) => n.toString(36))

/**
 * A name for a member that no other process has.
 *
 * @internal
 */
export const uniqueName: Effect.Effect<string> = Effect.zipWith(word, word, (a, b) => `${a}${b}`)
