/**
 * Helps the tests of `docs/migrations`: each row of a page has a test, and the test contains the snippet of the row.
 */
import type { HttpClientRequest } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import type { ResilientHttpClient } from "@reprise/http"
import { Explain } from "@reprise/testing"
import { Duration, Effect, Fiber, Option, type Schedule, TestClock } from "effect"
import { readFileSync } from "node:fs"
import { Backoff, CircuitBreaker, Pipeline, Retry } from "reprise"

const compact = (text: string) => text.replaceAll(/\s/g, "")
const plain = (cell: string) => cell.replaceAll("`", "").replaceAll("\\|", "|").trim()

/** The tests of one page of `docs/migrations`. `file` is the URL of the test. */
export const migration = (page: string, file: string) => {
  const tested: Array<string> = []
  return {
    /** A test of the row whose first cell is `name`. */
    row: (name: string, sentence: string, test: () => Effect.Effect<unknown, unknown>) => {
      tested.push(name)
      it.effect(`${name}: ${sentence}`, test)
    },
    /** A test that compares the page with this file. */
    checkPage: () =>
      it("has a test for every row of the page, and runs every snippet", () => {
        const text = readFileSync(new URL(`../../../docs/migrations/${page}.md`, import.meta.url), "utf8")
        const source = compact(readFileSync(new URL(file), "utf8"))
        const rows = text.split("\n").filter((line) => /^\| `/.test(line)).map((line) => line.split(/(?<!\\)\|/))
        assert.deepStrictEqual(rows.map(([, name = ""]) => plain(name)), tested)
        for (const [, , snippet = ""] of rows) {
          assert.match(snippet, /^ `[^`]+` $/)
          assert.isTrue(source.includes(compact(plain(snippet))), snippet)
        }
      })
  }
}

/** Runs an effect in a virtual day. */
export const inADay = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(program)
    yield* TestClock.adjust("1 day")
    return yield* Fiber.join(fiber)
  })

/** The waits of a policy in milliseconds, rounded, for a task that always fails with this error. At most `most` waits. */
export const waits = <E>(policy: Schedule.Schedule<unknown, E>, error: E, most = 10) =>
  Effect.map(
    inADay(Retry.ledger(Effect.fail(error), policy.pipe(Backoff.attempts(most + 1)))),
    ([, attempts]) =>
      attempts.flatMap(({ delay }) =>
        Option.toArray(Option.map(delay, (delay) => Math.round(Duration.toMillis(delay))))
      )
  )

/** A task that fails with each of the errors in turn and then succeeds. `times` are the starts of its runs, after the first. */
export const scripted = <E>(...errors: ReadonlyArray<E>) => {
  const times: Array<number> = []
  let start: number | undefined
  const task: Effect.Effect<string, E> = Effect.clockWith((clock) => {
    const error = errors[times.length]
    start ??= clock.unsafeCurrentTimeMillis()
    times.push(clock.unsafeCurrentTimeMillis() - start)
    return error === undefined ? Effect.succeed("done") : Effect.fail(error)
  })
  return { task, times }
}

/** One call of a client: what each attempt came to, the waits in milliseconds, and the result. */
export const call = (
  options: ResilientHttpClient.Options<unknown>,
  script: ReadonlyArray<Explain.Outcome>,
  request?: HttpClientRequest.HttpClientRequest
) =>
  Effect.map(Explain.explain(options, script, { request, rest: 200 }), ({ calls: [call] }) => ({
    attempts: call!.attempts.length,
    waits: call!.attempts.flatMap(({ delayMillis }) => delayMillis === undefined ? [] : [Math.round(delayMillis)]),
    reason: call!.attempts.at(-1)!.reason,
    result: call!.result._tag === "Failure" ? call!.result.error : call!.result._tag,
    millis: call!.durationMillis
  }))

export const assertBetween = (value: number | undefined, min: number, max: number) =>
  assert.isTrue(value !== undefined && value >= min && value <= max, `${value} is not between ${min} and ${max}`)

type Breaker = CircuitBreaker.CircuitBreaker

/** Fails `times` calls of the breaker. */
export const failing = (breaker: Breaker, times: number, error: unknown = "down") =>
  Effect.replicateEffect(Effect.ignore(CircuitBreaker.protect(Effect.fail(error), breaker)), times)

/** How long an open breaker stays open from now. */
export const openMillis = (breaker: Breaker) =>
  Effect.map(CircuitBreaker.snapshot(breaker), ({ retryAfter }) => Duration.toMillis(Option.getOrThrow(retryAfter)))

/** Asserts that the breaker opens with exactly this number of failures, and for how many milliseconds. */
export const assertOpens = (make: Effect.Effect<Breaker>, failures: number, millis?: number) =>
  Effect.gen(function*() {
    const breaker = yield* make
    yield* failing(breaker, failures - 1)
    assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    yield* failing(breaker, 1)
    assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
    if (millis !== undefined) assert.strictEqual(yield* openMillis(breaker), millis)
    return breaker
  })

/** Runs so many effects that never end at the same time: how many run, and what the others failed with. */
export const atOnce = <E>(count: number, protect: (effect: Effect.Effect<never>) => Effect.Effect<never, E>) =>
  Effect.gen(function*() {
    let running = 0
    const rejections: Array<E> = []
    const effect = Effect.zipRight(Effect.sync(() => running++), Effect.never)
    const call = Effect.catchAll(protect(effect), (error) => Effect.sync(() => rejections.push(error)))
    const fibers = yield* Effect.replicateEffect(Effect.fork(call), count)
    yield* TestClock.adjust(0)
    yield* Fiber.interruptAll(fibers)
    return { running, rejections }
  })

/** The times at which a pipeline runs a task that always fails. */
export const times = (options: Pipeline.Options<string, never, []>) =>
  Effect.gen(function*() {
    const { task, times } = scripted(...Array<string>(20).fill("down"))
    yield* inADay(Effect.flip(Pipeline.make(options)(task)))
    return times
  })
