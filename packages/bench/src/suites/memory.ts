import * as Effect from "effect/Effect"
import type { Case } from "../harness.js"
import * as httpClients from "./httpClients.js"
import * as inMemory from "./inMemory.js"
import { inFiber } from "./loops.js"

/** The stages of the HTTP suite over a client without a socket. */
export const cases: ReadonlyArray<Case> = Object.entries(httpClients.stages).map(([name, stage]) => ({
  name: `in memory: ${name}`,
  base: "in memory: Effect client",
  run: inFiber(stage(inMemory.client()).execute(inMemory.request), Effect.withTracerEnabled(false))
}))
