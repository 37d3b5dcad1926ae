import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Deadline from "reprise/Deadline"
import * as Timeout from "reprise/Timeout"
import { agree, effects, ours, timedOut, withoutDefects } from "../randomEffects.js"
import * as Virtual from "../virtual.js"

export const options = { duration: "1 second", onTimeout: () => "too slow" } as const

export type Cases = Readonly<
  Record<string, readonly [program: () => Effect.Effect<unknown, unknown>, expected: unknown]>
>

/** What a program can tell of a timeout, a deadline and a hedge. */
export const cases: Cases = {
  "gives the result of an effect that ends in time": [
    () => Timeout.timeoutFail(Effect.delay(Effect.succeed("done"), 999), options),
    { exit: { success: "done" }, endMillis: 999 }
  ],
  "interrupts an effect that is too slow": [
    () => Timeout.timeoutFail(Effect.never, options),
    { exit: { failure: { fail: "too slow" } }, endMillis: 1_000 }
  ],
  "waits for the finalizers of an effect that is too slow": [
    () => Timeout.timeoutFail(Effect.ensuring(Effect.never, Effect.sleep(500)), options),
    { exit: { failure: { fail: "too slow" } }, endMillis: 1_500 }
  ],
  "ends what the effect has forked with it, and nothing that was forked before": [
    () =>
      Effect.gen(function*() {
        const before = yield* Effect.fork(Effect.never)
        const within = yield* Timeout.timeoutFail(Effect.fork(Effect.never), options)
        return [before.unsafePoll() === null, within.unsafePoll() === null]
      }),
    { exit: { success: [true, false] }, endMillis: 0 }
  ],
  "goes on after a timeout, and may be interrupted": [
    () =>
      Effect.zipRight(
        Effect.exit(Timeout.timeoutFail(Effect.never, options)),
        Effect.flatMap(Effect.fork(Effect.never), (fiber) => Fiber.interrupt(fiber))
      ).pipe(Effect.map((exit) => exit._tag)),
    { exit: { success: "Failure" }, endMillis: 1_000 }
  ],
  "sets a deadline for the effect and not for what follows": [
    () => Effect.zip(Deadline.within(Deadline.current, "1 second"), Deadline.current),
    { exit: { success: [1_000, Infinity] }, endMillis: 0 }
  ]
}

export const behaves = (cases: Cases): void => {
  for (const [name, [program, expected]] of Object.entries(cases)) {
    it(name, () => {
      const { endMillis, exit, sleepsLeft } = Virtual.run(program())
      assert.deepStrictEqual({ exit: Virtual.plain(exit), endMillis }, expected)
      assert.strictEqual(sleepsLeft, 0)
    })
  }
  it("does with random effects what Effect.timeoutFail does", { timeout: 30_000 }, () => {
    agree(ours, effects, { inParallel: false, inUninterruptible: false }, withoutDefects.map(timedOut))
  })
}
