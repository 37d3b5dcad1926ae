import * as Effect from "effect/Effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import type * as Tripping from "reprise/Tripping"
import { heldBytes } from "../held.js"
import { rules } from "../suites/breakers.js"
import { nothing, resolved } from "../suites/loops.js"
import * as peers from "../suites/peerBreakers.js"
import { report } from "./report.js"

/** What one breaker of a kind holds on the heap and in buffers, and how many timers. */

const [kind, count] = [process.argv[2] ?? "", Number(process.argv[3])]

const ours = (trip: Tripping.Tripping, isUsed: boolean) => () => {
  const breaker = Effect.runSync(CircuitBreaker.make({ trip }))
  if (isUsed) Effect.runSync(CircuitBreaker.protect(nothing, breaker))
  return breaker
}

const registry = (isUsed: boolean) => {
  const breakers = Effect.runSync(
    CircuitBreakers.make<number>({ breaker: { trip: rules["rate over time"] }, capacity: 1_000_000 })
  )
  let key = 0
  return () => {
    Effect.runSync<unknown, unknown>(
      isUsed ? CircuitBreakers.protect(nothing, breakers, key++) : CircuitBreakers.get(breakers, key++)
    )
    return breakers
  }
}

const cockatiel = (kind: "consecutive" | "sampling") => async () => {
  const breaker = peers.makeCockatiel(kind)
  await breaker.execute(resolved)
  return breaker
}

const makers: Record<string, () => unknown> = {
  "CircuitBreaker, unused": ours(rules["rate over time"], false),
  "CircuitBreaker, consecutive, used": ours(rules.consecutive, true),
  "CircuitBreaker, 10 x 1 s, used": ours(rules["rate over time"], true),
  "CircuitBreaker, 100 calls, used": ours(rules["rate over calls"], true),
  "CircuitBreaker, slowRate, used": ours(rules.slowRate, true),
  "CircuitBreakers, a key, unused": registry(false),
  "CircuitBreakers, a key, 10 x 1 s, used": registry(true),
  "cockatiel consecutive": cockatiel("consecutive"),
  "cockatiel sampling": cockatiel("sampling"),
  opossum: () => peers.makeOpossum({}),
  "opossum, no snapshots": () => peers.makeOpossum({ enableSnapshots: false })
}

/** Counted as they are started: those that keep no process alive are not listed. */
let timers = 0
const counted = <F extends (...args: ReadonlyArray<never>) => unknown>(start: F): F =>
  new Proxy(start, {
    apply: (target, self, args) => {
      timers++
      return Reflect.apply(target, self, args)
    }
  })
globalThis.setTimeout = counted(globalThis.setTimeout)
globalThis.setInterval = counted(globalThis.setInterval)

const make = makers[kind]
if (make === undefined) throw new Error(`no breaker is called ${kind}`)
for (let i = 0; i < 1_000; i++) await make()
const kept: Array<unknown> = new Array<unknown>(count).fill(undefined)
const before = await heldBytes()
timers = 0
for (let i = 0; i < count; i++) kept[i] = await make()
const started = timers
const after = await heldBytes()
report({ count: kept.length, bytes: (after - before) / count, timers: started / count })
