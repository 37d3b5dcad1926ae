import * as Effect from "effect/Effect"
import { told } from "./changes.js"
import { same } from "./law.js"
import { aTrip, law } from "./subject.js"

const endings = [
  "",
  "a",
  "A",
  "a ",
  "a:",
  "a\n",
  "a\r\n",
  "a\u0000",
  "a\u0000b",
  "{a}",
  "{",
  "}",
  "}{",
  "*",
  "a\\",
  "\"'`",
  "%s",
  "größer ✓ 🎈",
  "x".repeat(10_000),
  `${"x".repeat(10_000)}y`
]

/**
 * The laws of valid keys.
 *
 * @internal
 */
export const keys = [
  law("A key may be any text, and has its own record", (about) =>
    Effect.gen(function*() {
      const all = endings.map((ending) => about.at(about.key + ending))
      yield* Effect.forEach(all, (key, calls) => key.trip({ trip: { ...aTrip, calls } }))
      const found = yield* Effect.forEach(all, (key) => key.look())
      const calls = found.map(({ state }) => state._tag === "Open" ? state.trip.calls : undefined)
      yield* same("the record of each", calls, [...endings.keys()])
    })),

  law("A change has its key unchanged", (about) =>
    Effect.gen(function*() {
      const all = endings.map((ending) => about.at(about.key + ending))
      const heard = yield* told(about, Effect.forEach(all, (key) => key.trip()))
      yield* same("the keys of the changes", heard.map(([key]) => key), all.map(({ key }) => key))
    })),

  law("The empty key is a normal key", (about) =>
    Effect.gen(function*() {
      const empty = about.at("")
      // Another run may have left keys there.
      const before = yield* empty.close((yield* empty.look()).version)
      yield* about.stands("it, closed", before, { state: "Closed" })
      const open = yield* empty.trip({ version: before.version })
      yield* about.stands("it, open", open, { state: "Open" })
      yield* about.stands("it, closed again", yield* empty.close(open.version), { state: "Closed" })
    }))
]
