/** `npx pnpm@10 demo --durable`: a payment run whose process is killed three times, and the books of the bank. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as report from "./durable/report.effect3.js"
import { run } from "./durable/run.effect3.js"

const kills = 3
const orders = 40

/** Runs the payments and prints the report. Gives the exit code. */
export const demo = (seed: string): Effect.Effect<number> =>
  Effect.gen(function*() {
    yield* Console.log(`${orders} payments over SQLite, whose process is killed ${kills} times (seed: ${seed})\n`)
    const result = yield* run({ seed, orders, kills, tell: Console.log })
    yield* Console.log(`\n${report.render(result)}`)
    const broken = report.broken(result)
    yield* Effect.forEach(broken, (what) => Console.error(`\n${what} That must not happen: please report it.`))
    return broken.length === 0 ? 0 : 1
  }).pipe(Effect.catchAll(({ message }) => Effect.as(Console.error(message), 1)))
