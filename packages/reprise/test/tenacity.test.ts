/**
 * Runs every row of `docs/tenacity.md`. The last test holds the two together: each row of the page has a test here, and
 * its snippet stands in this file letter by letter.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Deferred, Duration, Effect, Either, Exit, Option, Predicate, Schedule } from "effect"
import { readFileSync } from "node:fs"
import * as Backoff from "reprise/Backoff"
import * as Deadline from "reprise/Deadline"
import * as Retry from "reprise/Retry"
import { run as runVirtual } from "./virtual.js"

class Busy extends Data.TaggedError("Busy")<{ readonly retryAfter: Duration.Duration }> {
  override readonly message = "busy: try later"
}
class Denied extends Data.TaggedError("Denied") {}
class TryAgain extends Data.TaggedError("TryAgain") {}
class Pending extends Data.TaggedError("Pending") {}
class Again extends Data.TaggedError("Again") {}
class RetryError extends Data.TaggedError("RetryError")<{ readonly cause: unknown }> {}
class SocketTimeout extends Error {}

type Failure = Busy | Denied | TryAgain

const busy = new Busy({ retryAfter: Duration.seconds(7) })
const denied = new Denied()

const second = 1000

/** An effect that fails with each error in turn, then gives the value; and the times at which it ran. */
const scripted = <A, E>(errors: ReadonlyArray<E>, value: A) => {
  const times: Array<number> = []
  const task: Effect.Effect<A, E> = Effect.clockWith((clock) => {
    const error = errors[times.length]
    times.push(clock.unsafeCurrentTimeMillis())
    return error === undefined ? Effect.succeed(value) : Effect.fail(error)
  })
  return { task, times }
}

/** An effect that always fails with the error. */
const failing = <E>(error: E) => scripted<never, E>(Array<E>(100).fill(error), undefined as never)

/** Runs the program on a virtual clock: its result and how long it took. */
const run = <A, E>(program: Effect.Effect<A, E>) => {
  const { endMillis, exit } = runVirtual(program)
  return {
    endMillis,
    result: Exit.match(Option.getOrThrow(exit), {
      onSuccess: (value) => Either.right(value),
      onFailure: (cause) =>
        Either.left(Either.merge(Either.mapBoth(Cause.failureOrCause(cause), {
          onLeft: (error): unknown => error,
          onRight: (cause): unknown => Cause.squash(cause)
        })))
    })
  }
}

/** The first waits of a schedule. */
const waits = (schedule: Schedule.Schedule<unknown, Busy>, n: number): ReadonlyArray<number> => {
  const { task, times } = failing(busy)
  run(Effect.ignore(Retry.retry(task, Backoff.attempts(schedule, n + 1))))
  return times.slice(1).map((time, index) => time - times[index]!)
}

const between = (min: number, max: number, values: ReadonlyArray<number>) =>
  assert.isTrue(values.length > 0 && values.every((value) => value >= min && value <= max), values.join())

/** How often a task that fails so is run under a policy, and with what it ends. */
const ending = <E>(errors: ReadonlyArray<E>, policy: Schedule.Schedule<unknown, E>) => {
  const { task, times } = scripted(errors, "done")
  const { result } = run(Retry.retry(task, policy))
  return { runs: times.length, result: Either.merge(result) }
}

const policy = Backoff.exponential("1 second").pipe(Backoff.attempts(4))

const tested: Array<string> = []

const row = (name: string, sentence: string, test: () => void) => {
  tested.push(name)
  it(`${name}: ${sentence}`, test)
}

describe("tenacity, wait", () => {
  row("wait_none()", "does not wait", () => {
    assert.deepStrictEqual(waits(Schedule.forever, 3), [0, 0, 0])
  })

  row("wait_fixed(3)", "waits the same each time", () => {
    assert.deepStrictEqual(waits(Schedule.spaced("3 seconds"), 3), [3000, 3000, 3000])
  })

  row("wait_random(1, 2)", "draws each wait between the two", () => {
    const schedule = Backoff.random({ min: "1 second", max: "2 seconds" })
    between(1000, 2000, waits(schedule, 50))
    const drawn = Effect.runSync(Schedule.run(schedule, 0, Array.from({ length: 50 })))
    assert.strictEqual(new Set(Array.from(drawn, Duration.toMillis)).size, 50)
  })

  row("wait_incrementing(1, 2, max=6)", "adds the increment up to the maximum", () => {
    const schedule = Backoff.linear("1 second", { increment: "2 seconds" }).pipe(Backoff.capped("6 seconds"))
    assert.deepStrictEqual(waits(schedule, 4), [1000, 3000, 5000, 6000])
  })

  row("wait_incrementing()", "starts from no wait at all", () => {
    const schedule = Backoff.chain(Schedule.forever, Backoff.linear("100 seconds"))
    assert.deepStrictEqual(waits(schedule, 4), [0, 100_000, 200_000, 300_000])
  })

  row("wait_exponential(max=60)", "doubles up to the maximum", () => {
    const schedule = Backoff.exponential("1 second").pipe(Backoff.capped("60 seconds"))
    assert.deepStrictEqual(waits(schedule, 8), [1, 2, 4, 8, 16, 32, 60, 60].map((n) => n * second))
  })

  row("wait_exponential(2, exp_base=3, min=4)", "multiplies, and waits no less than the minimum", () => {
    const schedule = Backoff.exponential("2 seconds", { factor: 3 }).pipe(
      Schedule.intersect(Schedule.spaced("4 seconds"))
    )
    assert.deepStrictEqual(waits(schedule, 4), [4, 6, 18, 54].map((n) => n * second))
  })

  row("wait_random_exponential(max=60)", "draws anything up to the doubled wait", () => {
    const schedule = Backoff.exponential("1 second").pipe(Backoff.capped("60 seconds"), Backoff.fullJitter)
    const drawn = waits(schedule, 20)
    drawn.forEach((wait, n) => between(0, Math.min(60, 2 ** n) * second, [wait]))
    assert.isBelow(Math.min(...drawn.slice(6)), 30 * second)
  })

  row("wait_exponential_jitter(1, max=60, jitter=1)", "adds up to a second, and caps the sum", () => {
    const schedule = Backoff.exponential("1 second").pipe(
      Backoff.additiveJitter("1 second"),
      Backoff.capped("60 seconds")
    )
    waits(schedule, 6).forEach((wait, n) => between(2 ** n * second, (2 ** n + 1) * second, [wait]))
    between(59_999.999, 60_000.001, waits(schedule, 8).slice(6))
  })

  row("wait_chain(wait_fixed(1), wait_fixed(2), wait_fixed(5))", "takes one of each and repeats the last", () => {
    const schedule = Backoff.chain(
      Schedule.spaced("1 second"),
      Schedule.spaced("2 seconds"),
      Schedule.spaced("5 seconds")
    )
    assert.deepStrictEqual(waits(schedule, 5), [1000, 2000, 5000, 5000, 5000])
  })

  row("wait_combine(a, b), a + b, sum([a, b])", "waits as long as both together", () => {
    const a = Backoff.exponential("1 second")
    assert.deepStrictEqual(waits(a.pipe(Schedule.addDelay(() => "3 seconds")), 3), [4000, 5000, 7000])
  })

  row("wait_exception(f)", "waits as long as the error says", () => {
    const schedule = Schedule.identity<Busy>().pipe(Schedule.addDelay((error) => error.retryAfter))
    assert.deepStrictEqual(waits(schedule, 2), [7000, 7000])
  })

  row("wait=f of your own", "waits as long as a function of the number of failures says", () => {
    const schedule = Schedule.forever.pipe(Schedule.addDelay((n) => Duration.seconds(n * n)))
    assert.deepStrictEqual(waits(schedule, 4), [0, 1000, 4000, 9000])
  })
})

describe("tenacity, stop", () => {
  const policy = Backoff.exponential("1 second")

  row("stop_never", "goes on for as long as it fails", () => {
    const { task, times } = scripted(Array<Busy>(20).fill(busy), "done")
    assert.deepStrictEqual(run(Retry.retry(task, policy)).result, Either.right("done"))
    assert.strictEqual(times.length, 21)
  })

  row("stop_after_attempt(3)", "stops after the third attempt", () => {
    assert.strictEqual(ending(Array<Busy>(9).fill(busy), policy.pipe(Backoff.attempts(3))).runs, 3)
  })

  row("stop_after_delay(10)", "stops at the first failure after the time", () => {
    const { task, times } = failing(busy)
    run(Retry.retry(task, policy.pipe(Schedule.upTo("10 seconds"))))
    assert.deepStrictEqual(times, [0, 1, 3, 7, 15].map((n) => n * second))
  })

  row("stop_before_delay(10)", "stops before a wait that would end after the time", () => {
    const { task, times } = failing(busy)
    run(Retry.retry(task, policy.pipe(Backoff.within("10 seconds"))))
    assert.deepStrictEqual(times, [0, 1, 3, 7].map((n) => n * second))
  })

  row(
    "stop_before_delay(10) from the start of the call",
    "counts the first attempt, and ends one that runs too long",
    () => {
      const { task, times } = failing(busy)
      const slow = Effect.zipRight(Effect.sleep("2 seconds"), task)
      const call = Retry.retry(slow, policy).pipe(Deadline.within("10 seconds"))
      assert.deepStrictEqual(run(call), { endMillis: 9 * second, result: Either.left(busy) })
      assert.deepStrictEqual(times, [2, 5, 9].map((n) => n * second))
      const hanging = Retry.retry(Effect.never, policy).pipe(Deadline.within("10 seconds"))
      assert.deepInclude(run(hanging), { endMillis: 10 * second })
    }
  )

  row("stop_any(a, b), a | b", "stops at whichever comes first", () => {
    const errors = Array<Busy>(9).fill(busy)
    assert.strictEqual(ending(errors, policy.pipe(Backoff.attempts(3), Backoff.within("60 seconds"))).runs, 3)
    assert.strictEqual(ending(errors, policy.pipe(Backoff.attempts(9), Backoff.within("10 seconds"))).runs, 4)
  })

  row("stop_all(a, b), a & b", "stops when both would", () => {
    const both = policy.pipe(Schedule.intersect(Schedule.union(Schedule.recurs(2), Schedule.recurUpTo("10 seconds"))))
    assert.strictEqual(ending(Array<Busy>(9).fill(busy), both).runs, 5)
    const longer = policy.pipe(Schedule.intersect(Schedule.union(Schedule.recurs(6), Schedule.recurUpTo("10 seconds"))))
    assert.strictEqual(ending(Array<Busy>(9).fill(busy), longer).runs, 7)
  })

  row("stop_when_event_set(event)", "stops at the first failure after the event", () => {
    const { task, times } = failing(busy)
    const program = Effect.gen(function*() {
      const event = yield* Deferred.make<void>()
      yield* Effect.fork(Effect.delay(Deferred.succeed(event, undefined), "5 seconds"))
      const untilEvent = policy.pipe(Schedule.whileInputEffect(() => Effect.negate(Deferred.isDone(event))))
      return yield* Retry.retry(task, untilEvent)
    })
    assert.deepStrictEqual(run(program).result, Either.left(busy))
    assert.deepStrictEqual(times, [0, 1, 3, 7].map((n) => n * second))
  })

  row("stop=f of your own", "stops when a function of the error and the delay says so", () => {
    const own = policy.pipe(
      Schedule.check((error: Failure, delay: Duration.Duration) =>
        error._tag === "Busy" && Duration.lessThan(delay, Duration.seconds(3))
      )
    )
    assert.strictEqual(ending<Failure>(Array<Failure>(9).fill(busy), own).runs, 3)
    assert.strictEqual(ending<Failure>([busy, denied], own).runs, 2)
  })
})

describe("tenacity, retry", () => {
  row("retry=retry_if_exception_type()", "retries every typed error, and no defect", () => {
    const { task, times } = scripted([busy, denied], "done")
    assert.deepStrictEqual(run(Retry.retry(task, policy)).result, Either.right("done"))
    assert.strictEqual(times.length, 3)
    const bug = new TypeError("a bug")
    let runs = 0
    const broken = Effect.suspend(() => {
      runs++
      return Effect.die(bug)
    })
    assert.deepStrictEqual(run(Retry.retry(broken, policy)).result, Either.left(bug))
    assert.strictEqual(runs, 1)
  })

  row("retry_if_exception(f)", "retries while the function says so", () => {
    const patient = policy.pipe(Schedule.whileInput((error: Failure) => error._tag !== "Denied"))
    assert.deepStrictEqual(ending<Failure>([busy, denied], patient), { runs: 2, result: denied })
    assert.deepStrictEqual(ending<Failure>([busy, busy], patient), { runs: 3, result: "done" })
  })

  row("retry_if_exception with a coroutine", "asks an effect", () => {
    const shouldRetry = (error: Failure) => Effect.delay(Effect.succeed(error._tag === "Busy"), "1 millis")
    const asking = policy.pipe(Schedule.whileInputEffect((error: Failure) => shouldRetry(error)))
    assert.deepStrictEqual(ending<Failure>([busy, denied], asking), { runs: 2, result: denied })
  })

  row("retry_if_exception_type(Busy)", "retries errors of the type", () => {
    const onBusy = policy.pipe(Schedule.whileInput(Predicate.isTagged("Busy")))
    assert.deepStrictEqual(ending<Failure>([busy, denied], onBusy), { runs: 2, result: denied })
  })

  row("retry_if_not_exception_type(Denied)", "retries errors of any other type", () => {
    const notDenied = policy.pipe(Schedule.untilInput(Predicate.isTagged("Denied")))
    assert.deepStrictEqual(ending<Failure>([busy, denied], notDenied), { runs: 2, result: denied })
  })

  row("retry_unless_exception_type(Denied)", "runs again after successes too, until an error of the type", () => {
    let runs = 0
    const task = Effect.suspend((): Effect.Effect<string, Failure> =>
      ++runs === 3 ? Effect.fail(denied) : runs === 2 ? Effect.fail(busy) : Effect.succeed("done")
    )
    const untilDenied = policy.pipe(Schedule.untilInput(Predicate.isTagged("Denied")))
    const program = Effect.zipRight(task, Effect.fail(new Again())).pipe(Retry.retry(untilDenied))
    assert.deepStrictEqual(run(program).result, Either.left(denied))
    assert.strictEqual(runs, 3)
  })

  const jobs = () => {
    let runs = 0
    return Effect.sync(() => ({ done: ++runs >= 3, runs }))
  }
  const isPending = (job: { readonly done: boolean }) => !job.done
  const isDone = (job: { readonly done: boolean }) => job.done

  row("retry_if_result(is_pending)", "makes a typed error of the result, and retries that", () => {
    const task = jobs()
    const program = task.pipe(
      Effect.filterOrFail(Predicate.not(isPending), () => new Pending()),
      Retry.retry(policy)
    )
    assert.deepStrictEqual(run(program).result, Either.right({ done: true, runs: 3 }))
    const never = Effect.succeed({ done: false }).pipe(
      Effect.filterOrFail(isDone, () => new Pending()),
      Retry.retry(policy)
    )
    assert.deepStrictEqual(run(never).result, Either.left(new Pending()))
  })

  row("retry_if_not_result(is_done)", "retries what is not as it should be", () => {
    const task = jobs()
    const program = task.pipe(Effect.filterOrFail(isDone, () => new Pending()), Retry.retry(policy))
    assert.deepStrictEqual(run(program).result, Either.right({ done: true, runs: 3 }))
  })

  row("retry_if_exception_message(match=\"busy\")", "retries by what the message begins with", () => {
    const byMessage = policy.pipe(Schedule.whileInput((error: Error) => /^busy/.test(error.message)))
    const other = new Error("not busy")
    assert.deepStrictEqual(ending<Error>([busy, other], byMessage), { runs: 2, result: other })
  })

  row("retry_if_not_exception_message(message=\"no\")", "retries whatever has another message", () => {
    const byMessage = policy.pipe(Schedule.untilInput((error: Error) => error.message === "no"))
    const no = new Error("no")
    assert.deepStrictEqual(ending<Error>([busy, no], byMessage), { runs: 2, result: no })
  })

  row("retry_if_exception_cause_type(SocketTimeout)", "looks down the chain of causes", () => {
    const hasCause = (error: unknown): boolean =>
      error instanceof Error && (error.cause instanceof SocketTimeout || hasCause(error.cause))
    const byCause = policy.pipe(Schedule.whileInput(hasCause))
    const deep = new Error("outer", { cause: new Error("inner", { cause: new SocketTimeout() }) })
    const itself = new SocketTimeout()
    assert.deepStrictEqual(ending<Error>([deep, itself], byCause), { runs: 2, result: itself })
  })

  const isBusy = Predicate.isTagged("Busy")
  const isShort = (error: Failure) => error._tag === "Busy" && Duration.lessThan(error.retryAfter, Duration.minutes(1))
  const isTryAgain = Predicate.isTagged("TryAgain")
  const long = new Busy({ retryAfter: Duration.hours(1) })

  row("retry_any(a, b), a | b", "retries if either does", () => {
    const either = policy.pipe(Schedule.whileInput(Predicate.or(isBusy, isTryAgain)))
    assert.deepStrictEqual(ending<Failure>([busy, new TryAgain(), denied], either), { runs: 3, result: denied })
  })

  row("retry_all(a, b), a & b", "retries only if both do", () => {
    const both = policy.pipe(Schedule.whileInput(isBusy), Schedule.whileInput(isShort))
    assert.deepStrictEqual(ending<Failure>([busy, long], both), { runs: 2, result: long })
    assert.deepStrictEqual(ending<Failure>([denied], both), { runs: 1, result: denied })
  })

  row("retry_always", "runs again after success and failure alike", () => {
    const { task, times } = scripted([busy], "done")
    const program = Effect.zipRight(task, Effect.fail(new Again())).pipe(Retry.retry(policy))
    assert.deepStrictEqual(run(program).result, Either.left(new Again()))
    assert.strictEqual(times.length, 4)
  })

  row("retry_never", "runs once", () => {
    const { task, times } = failing(busy)
    assert.deepStrictEqual(run(Retry.retry(task, Schedule.stop)).result, Either.left(busy))
    assert.strictEqual(times.length, 1)
  })

  row("raise TryAgain", "passes the filter, and still obeys the limit", () => {
    const orAgain = policy.pipe(Schedule.whileInput(Predicate.or(Predicate.isTagged("TryAgain"), isBusy)))
    assert.deepStrictEqual(ending<Failure>([new TryAgain(), denied], orAgain), { runs: 2, result: denied })
    const forEver = Array<Failure>(9).fill(new TryAgain())
    assert.deepStrictEqual(ending(forEver, orAgain), { runs: 4, result: new TryAgain() })
  })
})

describe("tenacity, hooks and the rest", () => {
  const heard = () => {
    const words: Array<unknown> = []
    return { words, log: (...word: ReadonlyArray<unknown>) => Effect.sync(() => void words.push(...word)) }
  }

  row("before=f", "runs before every attempt, the first one too", () => {
    const { task } = scripted([busy], "done")
    const { log, words } = heard()
    const before = log("before")
    run(Effect.zipRight(before, task).pipe(Retry.retry(policy)))
    assert.deepStrictEqual(words, ["before", "before"])
  })

  row("after=f", "runs after every failed attempt, the last one too", () => {
    const { task } = failing(busy)
    const { log, words } = heard()
    const after = (error: Failure) => log(error._tag)
    run(task.pipe(Effect.tapError((error) => after(error)), Retry.retry(policy)))
    assert.deepStrictEqual(words, ["Busy", "Busy", "Busy", "Busy"])
  })

  row("before_sleep=f", "runs before every wait, and knows the error and the wait", () => {
    const { task } = failing(busy)
    const { log, words } = heard()
    const program = Retry.loop({
      attempt: () => task,
      schedule: policy,
      beforeWait: ({ delay, failure }) => log(failure, delay)
    })
    run(program)
    assert.deepStrictEqual(words, [1, 2, 4].flatMap((n) => [Option.some(busy), Option.some(Duration.seconds(n))]))
  })

  row("retry_error_callback=f", "gives another result when there are no more attempts", () => {
    const { task, times } = failing(busy)
    const fallback = (error: Busy) => Effect.succeed(`gave up: ${error._tag}`)
    const program = task.pipe(Retry.retry(policy), Effect.catchAll((error) => fallback(error)))
    assert.deepStrictEqual(run(program).result, Either.right("gave up: Busy"))
    assert.strictEqual(times.length, 4)
  })

  row("reraise=True", "fails with the last error as it is", () => {
    const last = new Busy({ retryAfter: Duration.zero })
    const { task } = scripted([busy, busy, busy, last], "done")
    assert.strictEqual(Either.merge(run(Retry.retry(task, policy)).result), last)
  })

  row("retry_error_cls=RetryError", "wraps the last error", () => {
    const { task } = failing(busy)
    const program = task.pipe(Retry.retry(policy), Effect.mapError((cause) => new RetryError({ cause })))
    assert.deepStrictEqual(run(program).result, Either.left(new RetryError({ cause: busy })))
  })

  row("fn.statistics", "has every attempt, not only the sums", () => {
    const { task } = scripted([busy, busy], "done")
    const program = Retry.ledger(task, policy)
    const [exit, attempts] = Either.getOrThrow(run(program).result)
    const idle = attempts.map(({ delay }) => Duration.toMillis(Option.getOrElse(delay, () => Duration.zero)))
    assert.deepStrictEqual(exit, Exit.succeed("done"))
    assert.strictEqual(attempts.length, 3)
    assert.deepStrictEqual(idle, [1000, 2000, 0])
    assert.deepStrictEqual(attempts.map(({ startMillis }) => startMillis), [0, 1000, 3000])
  })

  row("retry_state.attempt_number in the call", "is the recurrence, from 0", () => {
    const { log, words } = heard()
    const { task } = scripted([busy, busy], "done")
    const numbered = Effect.flatMap(Schedule.CurrentIterationMetadata, ({ recurrence }) => log(recurrence))
    run(Effect.zipRight(numbered, task).pipe(Retry.retry(policy)))
    assert.deepStrictEqual(words, [0, 1, 2])
  })

  row("fn.retry_with(stop=stop_after_attempt(2))", "makes another policy of the same parts", () => {
    const { task, times } = failing(busy)
    const waits = Backoff.exponential("1 second").pipe(Backoff.capped("10 seconds"))
    const send = (policy: Schedule.Schedule<unknown>) => Retry.retry(task, policy)
    run(send(waits.pipe(Backoff.attempts(2))))
    assert.strictEqual(times.length, 2)
    run(send(waits.pipe(Backoff.attempts(3))))
    assert.strictEqual(times.length, 5)
  })

  row("sleep=f", "sleeps on another clock", () => {
    const { task } = failing(busy)
    const program = Effect.clockWith((real) => {
      const clock: typeof real = Object.assign(Object.create(real), { sleep: () => Effect.void })
      return Retry.retry(task, policy).pipe(Effect.withClock(clock))
    })
    assert.deepStrictEqual(run(program), { endMillis: 0, result: Either.left(busy) })
  })

  row("sleep=sleep_using_event(event)", "ends a wait early at the event, and tries again", () => {
    const { task, times } = scripted([busy, busy, busy], "done")
    const program = Effect.gen(function*() {
      const event = yield* Deferred.make<void>()
      yield* Effect.fork(Effect.delay(Deferred.succeed(event, undefined), "1500 millis"))
      const wakeable = policy.pipe(
        Schedule.modifyDelayEffect((_, delay) =>
          Effect.as(Effect.raceFirst(Effect.sleep(delay), Deferred.await(event)), Duration.zero)
        )
      )
      return yield* Retry.retry(task, wakeable)
    })
    assert.deepStrictEqual(run(program).result, Either.right("done"))
    assert.deepStrictEqual(times, [0, 1000, 1500, 1500])
  })

  row("enabled=False", "runs once, and fails with the error itself", () => {
    const { task, times } = failing(busy)
    const send = (enabled: boolean) => enabled ? Retry.retry(task, policy) : task
    assert.deepStrictEqual(run(send(false)).result, Either.left(busy))
    assert.strictEqual(times.length, 1)
    run(send(true))
    assert.strictEqual(times.length, 5)
  })

  tested.push("@retry on async def")
  it("@retry on async def: retries promises", async () => {
    let calls = 0
    const call = () => ++calls < 3 ? Promise.reject(busy) : Promise.resolve("done")
    const program = Retry.retry(Effect.tryPromise(call), Schedule.recurs(5))
    assert.strictEqual(await Effect.runPromise(program), "done")
    assert.strictEqual(calls, 3)
  })

  row("for attempt in Retrying(): with attempt:", "retries a block of steps", () => {
    const first = scripted<string, Failure>([], "first")
    const then = scripted([busy], "second")
    const program = Effect.gen(function*() {
      return [yield* first.task, yield* then.task]
    }).pipe(Retry.retry(policy))
    assert.deepStrictEqual(run(program).result, Either.right(["first", "second"]))
    assert.strictEqual(first.times.length, 2)
  })
})

describe("docs/tenacity.md", () => {
  const compact = (text: string) => text.replaceAll(/\s/g, "")
  const plain = (cell: string) => cell.replaceAll("`", "").replaceAll("\\|", "|").trim()

  it("has a row for every test, a test for every row, and no snippet that is not run", () => {
    const page = readFileSync(new URL("../../../docs/tenacity.md", import.meta.url), "utf8")
    const source = compact(readFileSync(new URL(import.meta.url), "utf8"))
    const rows = page.split("\n").filter((line) => /^\| `/.test(line)).map((line) => line.split(/(?<!\\)\|/))
    assert.deepStrictEqual(rows.map(([, name = ""]) => plain(name)), tested)
    for (const [, , snippet = ""] of rows) {
      assert.match(snippet, /^ `[^`]+` $/)
      assert.isTrue(source.includes(compact(plain(snippet))), snippet)
    }
  })
})
