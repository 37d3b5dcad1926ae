import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import type { StoreError } from "reprise/StoreError"
import { type Breach, holds, same } from "./law.js"
import { law, soon, type Subject } from "./subject.js"

type Changed = readonly [key: string, version: CircuitBreakerStore.Version]

/** The most checks for an expected message. */
const looks = 100

const waitMillis = 10

/** Opens a closed breaker, and closes any other. */
const change = (about: Subject) =>
  Effect.flatMap(
    about.look(),
    ({ state, version }) => state._tag === "Closed" ? about.trip({ version }) : about.close(version)
  )

/**
 * The messages of the store about keys with this prefix during an effect.
 *
 * Changes of other keys, before and after the effect, show that the subscription is active and that all messages have
 * arrived.
 *
 * @internal
 */
export const told = (
  about: Subject,
  act: Effect.Effect<unknown, Breach | StoreError>
): Effect.Effect<ReadonlyArray<Changed>, Breach | StoreError> =>
  Effect.scoped(Effect.gen(function*() {
    const heard: Array<Changed> = []
    yield* Effect.forkScoped(Stream.runForEach(about.store.changes, (change) =>
      Effect.sync(() => {
        if (change._tag === "Changed") heard.push([change.key, change.version])
      })))
    const isHeard = (key: string) => heard.some(([other]) => other === key)
    const before = about.at(`before ${about.key}`)
    for (let i = 0; i < looks && !isHeard(before.key); i++) {
      yield* change(before)
      yield* about.pass(waitMillis)
    }
    yield* holds("a change", isHeard(before.key), "told", heard)
    yield* act
    const after = about.at(`after ${about.key}`)
    yield* change(after)
    for (let i = 0; i < looks && !isHeard(after.key); i++) yield* about.pass(waitMillis)
    yield* holds("a change", isHeard(after.key), "told", heard)
    return heard.filter(([key]) => key.startsWith(about.key))
  }))

/** Each change between two states, once. */
const everyTransition = (about: Subject) =>
  Effect.gen(function*() {
    const versions: Array<CircuitBreakerStore.Version> = []
    const { version } = yield* about.sync({ failure: 1 })
    versions.push((yield* about.trip({ version, openMillis: 0 })).version)
    versions.push(yield* about.permits(["a"]))
    versions.push((yield* about.settle("a", versions[1]!, "failure", { openMillis: 0 })).version)
    versions.push(yield* about.permits(["b"]))
    versions.push((yield* about.settle("b", versions[3]!, "success")).version)
    versions.push((yield* about.trip({ version: versions[4]! })).version)
    versions.push((yield* about.close(versions[5]!)).version)
    return versions.map((version): Changed => [about.key, version])
  })

/**
 * The laws of the messages about changes.
 *
 * @internal
 */
export const changes = [
  law(
    "The store publishes every change of state, in order, with key and version",
    (about) =>
      Effect.gen(function*() {
        let expected: ReadonlyArray<Changed> = []
        const heard = yield* told(
          about,
          Effect.map(everyTransition(about), (all) => {
            expected = all
          })
        )
        yield* same("what was told", heard, expected)
      })
  ),

  law(
    "The store publishes nothing for an operation that changes no state",
    (about) =>
      Effect.gen(function*() {
        const version = yield* about.probe(["a"], { probes: 2 })
        const quiet = Effect.gen(function*() {
          const other = about.at(`${about.key} other`)
          yield* other.sync({ failure: 1 })
          yield* other.sync({ failure: 1 })
          yield* other.admit("a")
          yield* other.close(CircuitBreakerStore.noVersion)
          yield* about.sync({ failure: 1 }, version)
          yield* about.trip()
          yield* about.close(CircuitBreakerStore.noVersion)
          yield* about.permits(["a", "b"], { probes: 2 })
          yield* about.grants("c", false, { probes: 2 })
          yield* about.settle("a", version, "ignored")
          yield* about.settle("a", version, "failure")
          yield* about.settle("b", version, "failure", { tolerated: 1 })
          yield* about.pass(soon)
        })
        yield* same("what was told", yield* told(about, quiet), [])
      })
  ),

  law("Every subscriber receives a change", (about) =>
    Effect.gen(function*() {
      const key = `${about.key} inner`
      const inner = about.at(key)
      let heard: ReadonlyArray<Changed> = []
      const outer = yield* told(
        about.at(key),
        Effect.map(told(about.at(key), inner.trip()), (all) => {
          heard = all
        })
      )
      yield* same("the changes of one subscriber", heard.length, 1)
      yield* same("the changes of the other subscriber", outer, heard)
    }))
]
