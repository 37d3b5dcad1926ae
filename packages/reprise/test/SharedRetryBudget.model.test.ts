import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, FastCheck as fc, Random } from "effect"
import type * as RetryBudgetStore from "reprise/RetryBudgetStore"
import { type Rule, Share, Tokens } from "../src/internal/budget/rules.js"
import type { SharedRule } from "../src/internal/shared/budgetRule.js"
import { SharedShare, SharedTokens } from "../src/internal/shared/budgetRules.js"
import { MemoryBudgets } from "../src/internal/shared/memoryBudgets.js"
import * as Virtual from "./virtual.js"

/** The longest that a member is silent, and how long it is taken for alive afterwards. */
const silentMillis = 100
const presentMillis = 300

/** What `Budget` does, without Effect. */
class Payer<R extends Rule = Rule> {
  held = 0
  constructor(readonly rule: R) {}

  hold(now: number): boolean {
    const isPaid = this.rule.take(now, false, this.held)
    if (isPaid) this.held++
    return isPaid
  }
  begin(now: number) {
    this.held--
    this.rule.begin(now)
  }
  release() {
    this.held--
    this.rule.giveBack(false)
  }
  withdraw(now: number): boolean {
    const isPaid = this.hold(now)
    if (isPaid) this.begin(now)
    return isPaid
  }
}

class Process extends Payer<SharedRule> {
  /** A question on its way to the store, and an answer on its way back. */
  question: (() => RetryBudgetStore.Standing) | undefined
  answer: RetryBudgetStore.Standing | undefined
  askedMillis = 0
  chance = 0
  exchanges = 0

  constructor(readonly name: string, rule: SharedRule) {
    super(rule)
  }
}

/** Processes and a store, driven by hand: every question and every answer takes as long as it pleases. */
class World {
  readonly clock = Virtual.clock()
  readonly store = new MemoryBudgets(Duration.zero, Duration.zero)
  readonly processes: Array<Process>
  private names = 0

  constructor(readonly make: () => SharedRule, size: number) {
    this.processes = Array.from({ length: size }, () => this.start())
  }

  get now() {
    return this.clock.millis
  }

  start(): Process {
    const process = new Process(`p${this.names++}`, this.make())
    this.exchange(process, 0)
    this.exchange(process, 0)
    return process
  }

  ask(process: Process, chance: number) {
    if (process.question !== undefined || process.answer !== undefined) return
    const { held, name: member, rule } = process
    const rememberMillis = Math.max(rule.rememberMillis, presentMillis)
    const report = { member, presentMillis, rememberMillis, ...rule.report(this.now, held, chance) }
    process.askedMillis = this.now
    process.question = () => Effect.runSync(Effect.withClock(this.store.sync("payments", report), this.clock))
  }
  reach(process: Process) {
    process.answer = process.question?.() ?? process.answer
    process.question = undefined
  }
  hear(process: Process) {
    if (process.answer !== undefined) process.rule.heard(process.answer, this.now, process.held)
    process.answer = undefined
  }
  exchange(process: Process, chance: number) {
    this.reach(process)
    this.hear(process)
    this.ask(process, chance)
    this.reach(process)
    this.hear(process)
  }

  /** Whoever was silent for long enough, speaks. */
  pass(millis: number, next: () => number) {
    const end = this.now + millis
    while (this.now < end) {
      const due = Math.min(...this.processes.map(({ askedMillis }) => askedMillis + silentMillis))
      this.clock.millis = Math.min(Math.max(due, this.now), end)
      for (const process of this.processes) {
        if (this.now < process.askedMillis + silentMillis) continue
        if (process.exchanges++ % 10 === 0) process.chance = next()
        this.exchange(process, process.chance)
      }
    }
  }
}

type Tag =
  | "Calls"
  | "Succeeds"
  | "Withdraws"
  | "Holds"
  | "Begins"
  | "Releases"
  | "Asks"
  | "Reaches"
  | "Hears"
  | "Passes"
  | "Dies"

interface Step {
  readonly _tag: Tag
  readonly who: number
  readonly chance: number
  readonly n: number
}

const steps = (deeds: ReadonlyArray<readonly [tag: Tag, weight: number]>): fc.Arbitrary<ReadonlyArray<Step>> => {
  const exchanges = [["Asks", 3], ["Reaches", 3], ["Hears", 3], ["Passes", 4], ["Dies", 1]] as const
  const retries = [["Withdraws", 5], ["Holds", 3], ["Begins", 2], ["Releases", 1]] as const
  const step = fc.record({
    _tag: fc.oneof(
      ...[...deeds, ...exchanges, ...retries].map(([tag, weight]) => ({ arbitrary: fc.constant(tag), weight }))
    ),
    who: fc.nat(7),
    chance: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    n: fc.integer({ min: 1, max: 12 })
  })
  return fc.array(step, { size: "max", maxLength: 150 })
}

interface Seen {
  readonly call?: () => void
  readonly success?: () => void
  /** A retry has begun, while so many wait. */
  readonly retry: (held: number) => void
}

const act = (world: World, step: Step, seen: Seen): void => {
  const at = step.who % world.processes.length
  const process = world.processes[at]!
  const { now } = world
  const repeat = (times: number, deed: () => void) => Array.from({ length: times }, deed)
  const began = () => seen.retry(world.processes.reduce((sum, { held }) => sum + held, 0))
  switch (step._tag) {
    case "Calls":
      repeat(step.n * 3, () => {
        process.rule.call(now)
        seen.call?.()
      })
      break
    case "Succeeds":
      repeat(step.n, () => {
        process.rule.success()
        seen.success?.()
      })
      break
    case "Withdraws":
      repeat(step.n, () => process.withdraw(now) && began())
      break
    case "Holds":
      repeat(step.n, () => process.hold(now))
      break
    case "Begins":
      if (process.held > 0) {
        process.begin(now)
        began()
      }
      break
    case "Releases":
      if (process.held > 0) process.release()
      break
    case "Asks":
      return world.ask(process, step.chance)
    case "Reaches":
      return world.reach(process)
    case "Hears":
      return world.hear(process)
    case "Passes":
      return world.pass(step.n * 17, () => step.chance)
    case "Dies":
      world.processes[at] = world.start()
  }
}

const windowMillis = 1_000

const shareOf = (ratio: number, minPerSecond: number, millis = windowMillis) => () =>
  new SharedShare(new Share(ratio, minPerSecond * millis / 1_000, millis))

describe("a share of the calls of a fleet", () => {
  const options = fc.record({
    size: fc.integer({ min: 1, max: 8 }),
    ratio: fc.constantFrom(0, 0.1, 0.29, 1),
    minPerSecond: fc.constantFrom(0, 3, 20)
  })

  it("is never exceeded, whatever the order of calls, retries, questions, answers and ends of processes", () => {
    let granted = 0
    fc.assert(
      fc.property(options, steps([["Calls", 4]]), ({ minPerSecond, ratio, size }, steps) => {
        const world = new World(shareOf(ratio, minPerSecond), size)
        const calls: Array<number> = []
        const retries: Array<number> = []
        const since = (times: ReadonlyArray<number>, millis: number) =>
          times.filter((time) => time > world.now - millis).length
        const call = () => calls.push(world.now)
        // One was silent before another heard of it; one that ended is present until it is missed.
        const late = 2 * silentMillis + presentMillis
        const retry = (held: number) => {
          retries.push(world.now)
          granted++
          const allowed = ratio * since(calls, windowMillis + late) + minPerSecond * windowMillis / 1_000
          assert.isAtMost(since(retries, windowMillis) + held, allowed + 1e-6)
        }
        for (const step of steps) act(world, step, { call, retry })
      }),
      { numRuns: 300, seed: 21 }
    )
    assert.isAbove(granted, 3_000)
  })

  it("is not spent later than the calls that it was reserved for count", () => {
    const world = new World(shareOf(0.1, 0), 1)
    const [process] = world.processes
    for (let i = 0; i < 100; i++) process!.rule.call(world.now)
    world.exchange(process!, 0)
    // It stands still, and exchanges nothing meanwhile.
    world.clock.millis = windowMillis - 101
    assert.isTrue(process!.withdraw(world.now))
    world.clock.millis = windowMillis
    assert.isFalse(process!.withdraw(world.now))
  })

  it("is there again at once where a retry does not go", () => {
    const [process] = new World(shareOf(0, 1), 1).processes
    assert.deepStrictEqual([process!.hold(0), process!.hold(0)], [true, false])
    process!.release()
    assert.isTrue(process!.hold(0))
  })

  /** Of a thousand calls a second, how many retries may go in the last ten of forty seconds. */
  const granted = (
    callee: (chance: number) => Payer,
    isFailing: (callee: Payer) => boolean,
    pass: (next: () => number) => number
  ) => {
    const random = Random.make("random")
    const next = () => Effect.runSync(Effect.withRandom(Random.next, random))
    let paid = 0
    for (let tick = 0; tick < 4_000; tick++) {
      const now = pass(next)
      for (let i = 0; i < 10; i++) {
        const process = callee(next())
        process.rule.call(now)
        for (let retry = 0; retry < 3 && isFailing(process); retry++) {
          if (process.withdraw(now) && tick >= 3_000) paid++
        }
      }
    }
    return paid
  }

  const loads = [
    ["to all of them", (chance: number) => Math.floor(chance * 20), true],
    ["to one of them", () => 0, true],
    ["to all, and fail in one", (chance: number) => Math.floor(chance * 20), false]
  ] as const

  it.each(loads)("is used by twenty processes as by one, within a tenth, where calls come %s", (_, which, allFail) => {
    const world = new World(shareOf(0.1, 10, 10_000), 20)
    const { processes } = world
    const ofAll = granted(
      (chance) => processes[which(chance)]!,
      (process) => allFail || process === processes[0],
      (next) => {
        world.pass(10, next)
        return world.now
      }
    )
    let now = 0
    const single = new Payer(new Share(0.1, 100, 10_000))
    const ofOne = granted(() => single, () => true, () => now += 10)
    assert.isAtMost(ofAll, ofOne * 1.02)
    assert.isAtLeast(ofAll, ofOne * 0.9)
  })

  it("is had by chance where there are more processes than retries", () => {
    const world = new World(shareOf(0, 5), 50)
    const random = Random.make("random")
    const next = () => Effect.runSync(Effect.withRandom(Random.next, random))
    const lucky = new Set<number>()
    let paid = 0
    for (let tick = 0; tick < 600; tick++) {
      world.pass(100, next)
      const who = Math.floor(next() * 50)
      if (!world.processes[who]!.withdraw(world.now)) continue
      lucky.add(who)
      paid++
    }
    // About a tenth of them has one, and one asks ten times a second.
    assert.isAtLeast(paid, 30)
    assert.isAtMost(paid, 5 * 61)
    assert.isAtLeast(lucky.size, 20)
  })
})

describe("the tokens of a fleet", () => {
  const options = fc.record({
    size: fc.integer({ min: 1, max: 8 }),
    capacity: fc.constantFrom(5, 30, 100),
    onSuccess: fc.constantFrom(0, 1, 3)
  })

  it("are never more than the capacity and what was put back", () => {
    let granted = 0
    fc.assert(
      fc.property(options, steps([["Succeeds", 3]]), ({ capacity, onSuccess, size }, steps) => {
        const world = new World(() => new SharedTokens(new Tokens(capacity, 5, 5, onSuccess)), size)
        let put = 0
        let taken = 0
        const success = () => put += onSuccess
        const retry = (held: number) => {
          taken += 5
          granted++
          assert.isAtMost(taken + 5 * held, capacity + put)
        }
        for (const step of steps) act(world, step, { success, retry })
      }),
      { numRuns: 300, seed: 22 }
    )
    assert.isAbove(granted, 1_000)
  })
})
