import * as Effect from "effect/Effect"
import * as Telemetry from "reprise/Telemetry"
import type { Case } from "../harness.js"
import * as cockatielStack from "./cockatielStack.js"
import * as effectStack from "./effectStack.js"
import { awaitBase, awaited, inFiber, inFiberBases, madeInFiber, nothing, promise, resolved } from "./loops.js"
import * as stacks from "./stacks.js"

const around = (source: string, base: string, self: Effect.Effect<unknown>): ReadonlyArray<Case> =>
  Object.entries(stacks.stacks).flatMap(([name, parts]) => [
    { name: `${name} (${source})`, base, run: inFiber(stacks.make(parts)(self)) },
    {
      name: `${name}, Effect's own parts (${source})`,
      base,
      run: madeInFiber(Effect.map(effectStack.make(parts), (protect) => protect(self)))
    }
  ])

const byCockatiel = Object.entries(stacks.stacks).map(([name, parts]): Case => {
  const policy = cockatielStack.make(parts)
  return { name: `${name}, cockatiel`, base: "await", run: awaited(() => policy.execute(resolved)) }
})

const pipeline = stacks.pipeline(promise)

/** One `Pipeline.make` in place of a stack, and what it costs to watch it. */
const watched: ReadonlyArray<Case> = [
  { name: "Pipeline.make (promise)", base: "promise", run: inFiber(pipeline) },
  ...Object.entries({
    metrics: Telemetry.layerMetrics(),
    traces: Telemetry.layerTraces,
    "metrics, traces and logs": Telemetry.layerAll()
  }).map(([name, layer]): Case => ({
    name: `Pipeline.make (promise), ${name}`,
    base: "promise",
    run: inFiber(pipeline, Effect.provide(layer))
  }))
]

export const cases: ReadonlyArray<Case> = [
  ...inFiberBases,
  ...around("void", "loop", nothing),
  { name: "promise", base: "loop", run: inFiber(promise) },
  ...around("promise", "promise", promise),
  ...watched,
  awaitBase,
  ...byCockatiel
]

type Call = () => Promise<number>

/** A stack as a function of promises. */
interface Run {
  (call: Call): Promise<unknown>
}

const runs = async (parts: stacks.Parts): Promise<Record<string, Run>> => {
  const effect = await Effect.runPromise(Effect.scoped(effectStack.make({ ...parts, rateLimiter: false })))
  const policy = cockatielStack.make(parts)
  const asRun = (protect: stacks.Protect): Run => (call) => Effect.runPromise(protect(Effect.tryPromise(call)))
  return {
    reprise: asRun(stacks.make(parts)),
    "Effect's own parts": asRun(effect),
    cockatiel: (call) => policy.execute(call)
  }
}

/** Each stack tries again, and after so many failures its breaker lets nothing through. */
export const selfCheck = async (): Promise<void> => {
  for (const parts of Object.values(stacks.stacks)) {
    for (const [name, run] of Object.entries(await runs(parts))) {
      let calls = 0
      const failing = (until: number) => async () => {
        if (++calls < until) throw new Error("down")
        return calls
      }
      if (await run(failing(2)) !== 2) throw new Error(`${name} does not try again`)
      for (let i = 0; i < 15; i++) await run(failing(Infinity)).catch(() => {})
      const before = calls
      await run(failing(Infinity)).catch(() => {})
      if (calls !== before) throw new Error(`the breaker of ${name} does not open`)
    }
  }
}
