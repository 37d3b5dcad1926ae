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
  law("A key may be any text, and is that of no other record", (about) =>
    Effect.gen(function*() {
      const all = endings.map((ending) => about.at(about.key + ending))
      yield* Effect.forEach(all, (key, calls) => key.trip({ trip: { ...aTrip, calls } }))
      const found = yield* Effect.forEach(all, (key) => key.look())
      const calls = found.map(({ state }) => state._tag === "Open" ? state.trip.calls : undefined)
      yield* same("what is kept of each", calls, [...endings.keys()])
    })),

  law("A change is told with its key as it is", (about) =>
    Effect.gen(function*() {
      const all = endings.map((ending) => about.at(about.key + ending))
      const heard = yield* told(about, Effect.forEach(all, (key) => key.trip()))
      yield* same("of which keys was told", heard.map(([key]) => key), all.map(({ key }) => key))
    })),

  law("The empty key is one like any other", (about) =>
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
