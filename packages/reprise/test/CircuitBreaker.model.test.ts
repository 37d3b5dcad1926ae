import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Tripping from "reprise/Tripping"
import * as machine from "../src/internal/breaker/machine.js"
import type { Config, Outcome, Permit, State, Trip } from "../src/internal/breaker/machine.js"
import * as strategy from "../src/internal/breaker/strategy.js"
import { Model, type Options, type Rule } from "./breakerModel.js"
import * as Virtual from "./virtual.js"

const tripping = (rule: Rule): Tripping.Tripping => {
  if (rule._tag === "Consecutive") return Tripping.consecutive(rule.failures)
  const window = "calls" in rule.last ? rule.last : { duration: rule.last.millis, buckets: rule.last.buckets }
  return Tripping.rate({ threshold: rule.bad / rule.of, minimumCalls: rule.minimumCalls, window })
}

const configOf = ({ rule, ...options }: Options): Config => ({
  ...options,
  makeWindow: strategy.of(tripping(rule)).makeWindow
})

const last = fc.oneof(
  fc.record({ calls: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ millis: fc.constantFrom(7, 100, 1_000), buckets: fc.integer({ min: 1, max: 10 }) })
)

const rule: fc.Arbitrary<Rule> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ _tag: fc.constant("Consecutive" as const), failures: fc.integer({ min: 1, max: 4 }) })
  },
  {
    weight: 1,
    arbitrary: fc.record({
      share: fc.constantFrom<Array<readonly [number, number]>>([1, 1], [1, 2], [1, 3], [3, 10]),
      minimum: fc.integer({ min: 1, max: 4 }),
      last
    }).map(({ last, minimum, share: [bad, of] }): Rule => ({
      _tag: "Rate",
      bad,
      of,
      minimumCalls: "calls" in last ? Math.min(minimum, last.calls) : minimum,
      last
    }))
  }
)

const options: fc.Arbitrary<Options> = fc.record({
  rule,
  probes: fc.integer({ min: 1, max: 4 }),
  successes: fc.integer({ min: 1, max: 4 }),
  tolerated: fc.integer({ min: 0, max: 3 }),
  leaseMillis: fc.constantFrom(1, 30, 100, 1_000),
  slowerThanMillis: fc.constantFrom(Infinity, 20),
  // Shares that add up without rounding.
  ramp: fc.oneof(
    fc.constant([]),
    fc.array(fc.record({ share: fc.constantFrom(0, 0.125, 0.25, 0.5, 0.75), millis: fc.constantFrom(0, 1, 50) }), {
      maxLength: 4
    })
  )
})

/** What both are run with, and what has been observed from outside. */
class World {
  readonly model: Model
  readonly permits: Array<{ readonly permit: Permit; readonly startMillis: number; isSettled: boolean }> = []
  /** The time that has passed, whatever the clock shows. */
  elapsed = 0
  steppedBack = false
  /** The first call since it opened, or since the clock stepped back. */
  askedAt = 0

  constructor(readonly options: Options, public now: number) {
    this.model = new Model(options, now)
  }

  /** Times at which something ends. */
  edges(): ReadonlyArray<number> {
    const { era } = this.model
    if (era.name === "Open") return [this.model.openUntil()]
    if (era.name === "HalfOpen") return this.model.held(this.now).map(({ untilMillis }) => untilMillis)
    const ramp = this.model.ramp()
    const { rule } = this.options
    const window = rule._tag === "Rate" && "millis" in rule.last ? [era.beganMillis + rule.last.millis] : []
    return ramp === undefined ? window : [...window, ramp.stepEndMillis]
  }

  /** Permits whose answer is heard, or the others. Whoever runs a call while closed settles it once. */
  choices(isLive: boolean) {
    const held = this.model.held(this.now)
    return this.permits.filter(({ isSettled, permit }) => {
      const isCurrent = permit.generation === this.model.generation
      const isHeard = isCurrent && (permit.lease === 0 || held.some(({ lease }) => lease === permit.lease))
      return isLive ? isHeard && (permit.lease > 0 || !isSettled) : !isHeard
    })
  }
}

interface Real {
  readonly config: Config
  state: State
}

const seen = {
  runs: 0,
  halfOpens: 0,
  ramped: 0,
  closings: 0,
  openings: 0,
  fullOrRejected: 0,
  stale: 0,
  refined: 0,
  refinedTooLate: 0,
  goesOn: 0,
  startsAgain: 0
}

const agree = ({ model, now }: World, { state }: Real) => {
  assert.deepStrictEqual([state._tag, state.generation], [model.era.name, model.generation])
  if (state._tag === "Closed") return
  assert.strictEqual(state.trips, model.trips)
  if (state._tag === "Open") {
    assert.strictEqual(state.untilMillis, model.openUntil())
    return
  }
  const leases = state.leases.filter(({ untilMillis }) => untilMillis > now)
  assert.deepStrictEqual(leases.map(({ id, untilMillis }) => ({ lease: id, untilMillis })), model.held(now))
  assert.deepStrictEqual([state.successes, state.failures], [model.answers("success"), model.answers("failure")])
}

const never = () => 0

/** All is well from now on: calls are admitted as soon as they may be, and succeed at once. */
const recovers = ({ model, now, options }: World, { config, state }: Real) => {
  const latest = now + (state._tag === "Open" ? model.era.openMillis : options.leaseMillis)
  let asked = 0
  while (state._tag !== "Closed") {
    // Each that is not let through waits for the end of one lease, or until it is no longer open.
    assert.isAtMost(++asked, options.successes + options.probes + 1, "it is wedged")
    const [verdict, admitted] = machine.admit(state, now, config)
    state = admitted
    if (verdict._tag === "Run") [, state] = machine.settle(state, verdict.permit, "success", now, 0, config, never, 0)
    else {
      assert.isAbove(verdict.retryAfterMillis, 0)
      now += verdict.retryAfterMillis
      assert.isAtMost(now, latest)
    }
  }
  const end = now + options.ramp.reduce((sum, { millis }) => sum + millis, 0)
  assert.strictEqual(machine.admit(machine.admit(state, now, config)[1], end, config)[0]._tag, "Run")
}

abstract class Command implements fc.Command<World, Real> {
  abstract check(world: Readonly<World>): boolean
  abstract change(world: World, real: Real): void
  abstract toString(): string

  run(world: World, real: Real) {
    const before = real.state
    this.change(world, real)
    seen.runs++
    if (real.state._tag === "HalfOpen") seen.halfOpens++
    if (real.state._tag === "Closed" && real.state.ramp !== undefined) seen.ramped++
    const grown = real.state.generation - before.generation
    assert.isTrue(grown === (real.state._tag === before._tag ? 0 : 1), `the generation grew by ${grown}`)
    assert.isAtMost(world.model.held(world.now).length, world.options.probes)
    agree(world, real)
    recovers(world, real)
  }
}

class Admit extends Command {
  check() {
    return true
  }
  change(world: World, real: Real) {
    const { now } = world
    const { openMillis } = world.model.era
    if (real.state._tag === "Open" && world.steppedBack) world.askedAt = world.elapsed
    world.steppedBack = false
    const isOver = real.state._tag === "Open" && world.elapsed - world.askedAt >= openMillis
    const expected = world.model.admit(now)
    const [verdict, state] = machine.admit(real.state, now, real.config)
    real.state = state
    assert.deepStrictEqual(verdict, expected)
    if (isOver) assert.strictEqual(verdict._tag, "Run", "open for too long")
    if (verdict._tag === "Run") world.permits.push({ permit: verdict.permit, startMillis: now, isSettled: false })
    else seen.fullOrRejected++
  }
  toString() {
    return "admit"
  }
}

/** It has opened. */
const opened = (world: World, before: State, { state }: Real) => {
  world.askedAt = world.elapsed
  world.steppedBack = false
  seen.openings++
  if (before._tag !== "Closed" || before.last === undefined || state._tag !== "Open") return
  if (state.trips > 1) seen.goesOn++
  else seen.startsAgain++
}

const byHand: Trip = { rule: "manual", calls: 0, failures: 0, slow: 0 }

class Open extends Command {
  constructor(readonly openMillis: number) {
    super()
  }
  check({ model }: Readonly<World>) {
    return model.era.name !== "Open"
  }
  change(world: World, real: Real) {
    const before = real.state
    const { generation } = before
    world.model.open(generation, world.now, this.openMillis)
    real.state = machine.open(before, generation, byHand, world.now, this.openMillis)
    opened(world, before, real)
  }
  toString() {
    return `open(${this.openMillis})`
  }
}

/** The schedule says for how long it is open, in time or too late. */
class Refine extends Command {
  constructor(readonly openMillis: number, readonly age: number) {
    super()
  }
  check({ model }: Readonly<World>) {
    return model.era.name === "Open" || this.age > 0
  }
  change(world: World, real: Real) {
    const generation = real.state.generation - this.age
    const before = real.state
    world.model.refine(generation, this.openMillis)
    real.state = machine.refine(before, generation, this.openMillis)
    if (this.age > 0) {
      assert.strictEqual(real.state, before)
      seen.refinedTooLate++
    } else seen.refined++
  }
  toString() {
    return `refine(${this.openMillis}, ${this.age})`
  }
}

class Close extends Command {
  check({ model }: Readonly<World>) {
    return model.era.name !== "Closed"
  }
  change({ model, now }: World, real: Real) {
    model.close(now)
    if (real.state._tag !== "Closed") real.state = machine.closing(real.state, real.config, now)
  }
  toString() {
    return "close"
  }
}

interface Answer {
  readonly pick: number
  readonly isLive: boolean
  readonly outcome: Outcome
  readonly durationMillis: number
  readonly openMillis: number
}

class Settle extends Command {
  constructor(readonly answer: Answer) {
    super()
  }
  check(world: Readonly<World>) {
    return world.choices(this.answer.isLive).length > 0
  }
  change(world: World, real: Real) {
    const { durationMillis, isLive, openMillis, outcome, pick } = this.answer
    const choices = world.choices(isLive)
    const chosen = choices[pick % choices.length]!
    chosen.isSettled = true
    const before = real.state
    const { now } = world
    const expected = world.model.settle(chosen.permit, outcome, now, durationMillis, openMillis)
    const { permit } = chosen
    const [trip, state] = machine.settle(before, permit, outcome, now, durationMillis, real.config, never, openMillis)
    assert.deepStrictEqual(trip, expected)
    if (!isLive) {
      assert.strictEqual(trip, undefined)
      assert.strictEqual(state, before)
      seen.stale++
    }
    if (state._tag === "Closed" && before._tag === "HalfOpen") seen.closings++
    real.state = state
    assert.strictEqual(state._tag === "Open" && before._tag !== "Open", trip !== undefined)
    if (trip !== undefined) opened(world, before, real)
  }
  toString() {
    return `settle(${JSON.stringify(this.answer)})`
  }
}

class Advance extends Command {
  constructor(readonly millis: number) {
    super()
  }
  check() {
    return true
  }
  change(world: World) {
    world.now += this.millis
    if (this.millis < 0) world.steppedBack = true
    else world.elapsed += this.millis
  }
  toString() {
    return `advance(${this.millis})`
  }
}

class AdvanceTo extends Command {
  constructor(readonly pick: number, readonly offset: number) {
    super()
  }
  private millis(world: Readonly<World>): number {
    const edges = world.edges()
    return edges.length === 0 ? -1 : edges[this.pick % edges.length]! + this.offset - world.now
  }
  check(world: Readonly<World>) {
    return this.millis(world) >= 0
  }
  change(world: World) {
    new Advance(this.millis(world)).change(world)
  }
  toString() {
    return `advanceTo(edge ${this.pick}, ${this.offset})`
  }
}

const openMillis = fc.constantFrom(0, 1, 50, 50, 100)

const settle = (isLive: boolean) =>
  fc.record({
    pick: fc.nat(20),
    isLive: fc.constant(isLive),
    outcome: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom<Outcome>("success", "failure") },
      { weight: 1, arbitrary: fc.constantFrom<Outcome>("ignored", "interrupted") }
    ),
    durationMillis: fc.constantFrom(0, 0, 0, 0, 0, 19, 20),
    openMillis
  }).map((answer) => new Settle(answer))

const admit = fc.constant(new Admit())
const step = fc.constantFrom(-500, -50, -1, 0, 1, 1, 10, 10, 50, 200).map((millis) => new Advance(millis))
const toEdge = fc.tuple(fc.nat(3), fc.constantFrom(-1, 0, 0, 0, 1)).map(([pick, offset]) => new AdvanceTo(pick, offset))
const openNow = openMillis.map((millis) => new Open(millis))
const refine = fc.tuple(openMillis, fc.constantFrom(0, 0, 1, 2)).map(([millis, age]) => new Refine(millis, age))
const close = fc.constant(new Close())
const each = [
  admit,
  admit,
  admit,
  settle(true),
  settle(true),
  settle(true),
  settle(false),
  step,
  toEdge,
  openNow,
  refine
]
const commands = fc.commands([...each, close], {
  size: "max",
  maxCommands: 400
})

describe("the machine of a circuit breaker", () => {
  it("does what a model does that works everything out from a list of all that has happened", () => {
    fc.assert(
      fc.property(
        options,
        fc.constantFrom(0, -3, 1_700_000_000_000),
        commands,
        (options, now, commands) =>
          fc.modelRun(() => {
            const config = configOf(options)
            return { model: new World(options, now), real: { config, state: machine.closed(0, config, now) } }
          }, commands)
      ),
      { numRuns: 150, seed: 3 }
    )
    for (const [what, often] of Object.entries(seen)) assert.isAbove(often, 50, `${what} is hardly tested`)
  })

  it("ignores a probe that succeeds after the failure that was one too many", () => {
    const config = configOf({
      rule: { _tag: "Consecutive", failures: 1 },
      probes: 2,
      successes: 1,
      tolerated: 0,
      leaseMillis: 100,
      slowerThanMillis: Infinity,
      ramp: []
    })
    const opened = machine.open(machine.closed(0, config, 0), 0, byHand, 0, 0)
    const [, one] = machine.admit(opened, 0, config)
    const [, both] = machine.admit(one, 0, config)
    const answer = (state: State, lease: number, outcome: Outcome) =>
      machine.settle(state, { generation: 2, lease }, outcome, 0, 0, config, never, 100)
    const [again, failed] = answer(both, 1, "failure")
    assert.deepStrictEqual([again?.rule, failed._tag], ["probe", "Open"])
    assert.deepStrictEqual(answer(failed, 2, "success"), [undefined, failed])
  })
})

const answers = fc.array(fc.boolean(), { size: "max", maxLength: 8 })

const counts = fc.record({
  probes: fc.integer({ min: 1, max: 4 }),
  successes: fc.integer({ min: 1, max: 4 }),
  toleratedProbeFailures: fc.integer({ min: 0, max: 3 })
})

describe("CircuitBreaker.reconfigure", () => {
  it("lets good probes close it, whatever the probes before have said", () => {
    const trip = Tripping.consecutive(1)
    fc.assert(
      fc.property(counts, counts, answers, (before, after, answers) => {
        const program = Effect.gen(function*() {
          const breaker = yield* CircuitBreaker.make({ ...before, trip })
          const probe = (isGood: boolean) =>
            Effect.ignore(CircuitBreaker.protect(isGood ? Effect.void : Effect.fail("down"), breaker))
          yield* CircuitBreaker.trip(breaker, { openFor: 0 })
          for (const isGood of answers) {
            yield* probe(isGood)
            if ((yield* CircuitBreaker.state(breaker)) !== "HalfOpen") return
          }
          yield* CircuitBreaker.reconfigure(breaker, { ...after, trip })
          for (let n = 0; n < after.successes; n++) yield* probe(true)
          assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
        })
        Effect.runSync(Effect.withClock(program, Virtual.clock()))
      }),
      { seed: 3 }
    )
  })
})
