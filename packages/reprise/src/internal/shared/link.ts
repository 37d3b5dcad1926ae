import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as InvalidOption from "../../InvalidOption.js"
import { StoreError } from "../../StoreError.js"
import * as timeout from "../effect/timeout.js"
import * as telemetry from "../telemetry/scope.js"
import { Lines } from "./lines.js"

/**
 * The connection to a store, which may be anybody's. A store that does not answer costs one wait and one line in the log: until
 * it answers again, no call waits for it.
 *
 * @internal
 */
export class Link {
  isUp = true
  /** How many answers have come. */
  answers = 0
  /** The next member that is asked first while the store is away. */
  turn = 0
  /** About the store: that it is away, and that it is back. */
  readonly lines = new Lines()
  /** About single keys and answers. However many there are, an outage has its line. */
  readonly keyLines = new Lines()

  constructor(
    /** The thing that is shared, as a person would call it: the beginning of a sentence. */
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
 * Asks the store, checks the answer, and notes whether it answered. A store that throws, dies, interrupts itself or answers with
 * no effect is away, like one that does not answer. But a failure says nothing of the store if others got an answer meanwhile.
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
        // A refusal, and an answer that cannot be read, was an answer all the same.
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
  // Disconnected: a store that cannot be interrupted must not hold up the caller.
  Effect.disconnect(Effect.suspend(() => {
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
 * Not the interruption of the caller: that one skips this handler.
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
 * One line in the log for what the store refuses, until an exchange has succeeded again.
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

/** How many ask at once. */
const concurrency = 16

/**
 * Asks for each member, several at once: one that gets no answer holds up no other. While the store does not answer, one asks for
 * all, and another one each time.
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
 * Gives a member that leaves the time of one answer to tell what it knows. In a fiber of its own: a finalizer cannot be
 * interrupted, and neither could a timeout in it.
 *
 * @internal
 */
export const farewell = (link: Link, effect: Effect.Effect<unknown>): Effect.Effect<void> =>
  link.isUp
    ? Effect.flatMap(
      Effect.forkDaemon(Effect.interruptible(timeout.timeoutFail(effect, link.timeoutMillis, () => undefined))),
      (fiber) => Effect.asVoid(fiber.await)
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
