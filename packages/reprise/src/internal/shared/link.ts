import * as Effect from "effect/Effect"
import { StoreError } from "../../StoreError.js"
import * as timeout from "../timeout.js"
import { Refusals } from "./refusals.js"

/**
 * Whether a store answers. One that does not costs one wait and one line in the log: until somebody hears of it again, nobody
 * waits for it whom it would delay.
 *
 * @internal
 */
export class Link {
  isUp = true
  /** How many answers have come. */
  answers = 0
  readonly refusals = new Refusals()

  constructor(
    /** What is shared, as a person would call it: the beginning of a sentence. */
    readonly what: string,
    readonly timeoutMillis: number
  ) {}
}

/**
 * Asks the store, and notes whether it answered. A failure says nothing of the store where others got an answer meanwhile.
 *
 * @internal
 */
export const ask = <A>(link: Link, question: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
  Effect.suspend(() => {
    const before = link.answers
    return Effect.matchEffect(timeout.timeoutFail(question, link.timeoutMillis, () => late(link)), {
      onSuccess: (answer) => {
        link.answers++
        return link.isUp ? Effect.succeed(answer) : Effect.as(up(link), answer)
      },
      onFailure: (error) => {
        // A refusal, and what cannot be read, was an answer all the same.
        if (error.reason !== "unavailable") link.answers++
        const isUp = link.answers !== before
        return isUp === link.isUp ? error : Effect.zipRight(isUp ? up(link) : down(link, error), error)
      }
    })
  })

/** How many ask at once. */
const concurrency = 16

/**
 * What has to be asked for each, several at once. While the store does not answer, one asks for all.
 *
 * @internal
 */
export const each = <A>(
  link: Link,
  all: ReadonlyArray<A>,
  exchange: (one: A) => Effect.Effect<unknown>
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const [first, ...rest] = all
    const exchangeAll = (some: ReadonlyArray<A>) =>
      Effect.forEach(some, (one) => link.isUp ? exchange(one) : Effect.void, { concurrency, discard: true })
    if (first === undefined) return Effect.void
    return link.isUp ? exchangeAll(all) : Effect.zipRight(exchange(first), exchangeAll(rest))
  })

const late = ({ timeoutMillis }: Link): StoreError =>
  new StoreError({ reason: "unavailable", description: `no answer within ${timeoutMillis} ms` })

const up = (link: Link): Effect.Effect<void> =>
  Effect.suspend(() => {
    link.isUp = true
    return Effect.logInfo(`${link.what}: shared with other processes again`)
  })

const down = (link: Link, error: StoreError): Effect.Effect<void> =>
  Effect.suspend(() => {
    link.isUp = false
    return Effect.logWarning(`${link.what}: each process goes on by itself. ${error.message}`)
  })
