/**
 * Tests a store of shared state: a list of laws that any test framework can run.
 *
 * @since 3.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { CircuitBreakerStore } from "reprise/CircuitBreakerStore"
import type { StoreError } from "reprise/StoreError"
import { changes } from "./internal/storeContract/changes.js"
import { counting } from "./internal/storeContract/counting.js"
import { keys } from "./internal/storeContract/keys.js"
import type { Check } from "./internal/storeContract/law.js"
import { permits } from "./internal/storeContract/permits.js"
import { probing } from "./internal/storeContract/probing.js"
import { tripping } from "./internal/storeContract/tripping.js"

/**
 * One law of a store.
 *
 * @since 3.1.0
 * @category models
 */
export interface Law<out R> {
  /** The law as a sentence: a name for a test. */
  readonly name: string
  /** Fails with the difference from the law. It lets a few seconds pass at most. */
  readonly run: (tools: Tools) => Effect.Effect<void, BrokenLaw | StoreError, R>
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Tools {
  /** The start of every key of the law. No other key in the store may begin with it. */
  readonly key: string
  /**
   * Lets at least this number of milliseconds pass for the store, and less than a minute.
   *
   * Use `TestClock.adjust` for a store in memory, and a sleep for one with a clock of its own.
   */
  readonly pass: (millis: number) => Effect.Effect<void>
}

/**
 * The store breaks a law.
 *
 * @since 3.1.0
 * @category errors
 */
export class BrokenLaw extends Data.TaggedError("BrokenLaw")<{
  /** The name of the law. */
  readonly law: string
  /** The checked value. */
  readonly what: string
  readonly expected: string
  readonly actual: string
}> {
  /**
   * @since 3.1.0
   */
  override get message(): string {
    const { actual, expected, law, what } = this
    return `The store breaks the law "${law}": ${what} should be ${expected}, but is ${actual}`
  }
}

const lawOf = <R>({ check, name }: Check<R>): Law<R> => ({
  name,
  run: (tools) =>
    Effect.catchTag(
      check(tools),
      "Breach",
      ({ actual, expected, what }) => new BrokenLaw({ law: name, what, expected, actual })
    )
})

/**
 * The laws of `CircuitBreakerStore`. They can run at the same time.
 *
 * @example
 * ```ts
 * import * as StoreContract from "@reprise/testing/StoreContract"
 * import { Effect } from "effect"
 * import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
 *
 * const program = Effect.validateAll(
 *   StoreContract.circuitBreakerStore,
 *   ({ run }, index) => run({ key: `law ${index} of this run`, pass: Effect.sleep }),
 *   { concurrency: "unbounded" }
 * )
 *
 * Effect.runPromise(Effect.provide(program, CircuitBreakerStore.layerMemory())).then(
 *   (kept) => console.log(kept.length === StoreContract.circuitBreakerStore.length) // => true
 * )
 * ```
 *
 * @since 3.1.0
 * @category laws
 */
export const circuitBreakerStore: ReadonlyArray<Law<CircuitBreakerStore>> = [
  ...counting,
  ...tripping,
  ...probing,
  ...permits,
  ...changes,
  ...keys
].map(lawOf)
