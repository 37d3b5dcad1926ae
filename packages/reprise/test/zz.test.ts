import { it } from "@effect/vitest"
import { Effect, Schedule, Duration } from "effect"
import * as Fs from "node:fs"
import * as Retry from "reprise/Retry"
import * as Virtual from "./virtual.js"
const log = (s: string) => Fs.writeSync(2, s + "\n")
it("x", () => {
  const leaves: Record<string, () => Schedule.Schedule<unknown>> = {
    exp: () => Schedule.exponential(5, 10), spaced: () => Schedule.spaced(9e9), fixed: () => Schedule.fixed(1000), windowed: () => Schedule.windowed(300),
    fib: () => Schedule.fibonacci(4), duration: () => Schedule.duration(9e9), fromDelays: () => Schedule.fromDelays(10, 0, 1),
    recurUpTo: () => Schedule.recurUpTo(100), elapsed: () => Schedule.elapsed,
    neg: () => Schedule.modifyDelay(Schedule.spaced(5), () => Duration.millis(-5)),
    som: () => Schedule.secondOfMinute(5),
    cron: () => Schedule.cron("*/5 * * * * *", "UTC"),
    nan: () => Schedule.delayed(Schedule.forever, () => NaN)
  }
  for (const law of ["effect", "retry"]) for (const [name, make] of Object.entries(leaves)) {
    let n = 0
    const eff = Effect.suspend(() => ++n > 5 ? Effect.succeed(n) : Effect.fail("x"))
    log(law + " " + name)
    try {
    const r = Virtual.run(law === "effect" ? Effect.retry(eff, make()) : Retry.retry(eff, make()))
    log(JSON.stringify([r.endMillis, r.steps, r.sleepsLeft, r.exit._tag]))
    } catch (e) { log(String(e)) }
  }
})
