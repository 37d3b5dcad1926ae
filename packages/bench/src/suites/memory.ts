import * as Effect from "effect/Effect"
import type { Case } from "../harness.js"
import * as httpClients from "./httpClients.js"
import * as inMemory from "./inMemory.js"

/** The stages of the HTTP suite over a client without a socket. */
export const cases: ReadonlyArray<Case> = Object.entries(httpClients.stages).map(([name, stage]) => ({
  name: `in memory: ${name}`,
  base: "in memory: Effect client",
  run: untraced(stage(inMemory.client()).execute(inMemory.request))
}))

function untraced(effect: Effect.Effect<unknown, unknown>): Case["run"] {
  return (times) => {
    let done = 0
    return Effect.runPromise(
      Effect.whileLoop({ while: () => done++ < times, body: () => effect, step: () => {} }).pipe(
        Effect.withTracerEnabled(false)
      )
    )
  }
}
