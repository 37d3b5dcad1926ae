/**
 * Compares a bulkhead, and the queue of an adaptive limiter with partitions, with lists that are sorted and searched anew
 * each time.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Fiber } from "effect"
import { Cause, Deferred, Effect, Exit, FastCheck as fc, FiberId, Option } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as Bulkhead from "reprise/Bulkhead"
import * as Deadline from "reprise/Deadline"
import * as Services from "./services.js"
import * as Virtual from "./virtual.js"

type Reason = Bulkhead.BulkheadFull["reason"]
type Status = "waits" | "runs" | "ok" | "down" | "interrupted" | Reason

interface Size {
  readonly limit: number
  readonly maxQueued: number
}

interface Rules extends Size {
  readonly order: "fifo" | "lifo"
  readonly queueTimeoutMillis: number
  readonly shares: { readonly [partition: string]: number }
}

interface Ask {
  readonly priority: number
  readonly partition: string
  readonly deadlineMillis: number
}

interface Entry extends Ask {
  readonly sinceMillis: number
  status: Status
}

/** Everything that has been asked, in order, and what has become of it. */
class Model {
  now = 0
  /** The limit from the next sample on. */
  pending: Size | undefined
  readonly entries: Array<Entry> = []

  constructor(readonly rules: Rules, public size: Size) {}

  with(status: Status, partition?: string): ReadonlyArray<Entry> {
    return this.entries.filter((one) =>
      one.status === status && (partition === undefined || one.partition === partition)
    )
  }

  private mayRun({ partition }: Ask) {
    const share = this.rules.shares[partition] ?? 0
    return this.with("runs").length < this.size.limit || this.isOwed({ partition, share })
  }
  private isOwed({ partition, share }: { readonly partition: string; readonly share: number }) {
    return this.with("runs", partition).length < Math.ceil(this.size.limit * share)
  }

  /** Those who wait, and the next is the first. */
  private line(waiting: ReadonlyArray<Entry> = this.with("waits")): ReadonlyArray<Entry> {
    const inOrder = this.rules.order === "fifo" ? [...waiting] : [...waiting].reverse()
    return inOrder.sort((one, other) => other.priority - one.priority)
  }

  /** Where others have filled the queue, the last call of those who wait in most places beyond their share. */
  private lent(partition: string, line: ReadonlyArray<Entry>): Entry | undefined {
    const { maxQueued } = this.size
    const shares: Rules["shares"] = { "": 0, ...this.rules.shares }
    const groupOf = (partition: string) => partition in this.rules.shares ? partition : ""
    const borrowed = (group: string) =>
      this.with("waits").filter((one) => groupOf(one.partition) === group).length -
      Math.ceil(maxQueued * shares[group]!)
    if (borrowed(groupOf(partition)) >= 0) return undefined
    const most = Math.max(...Object.keys(shares).map(borrowed))
    const lender = most > 0 ? Object.keys(shares).find((group) => borrowed(group) === most) : undefined
    return line.filter((one) => groupOf(one.partition) === lender).at(-1)
  }

  ask(ask: Ask) {
    const { partition } = ask
    const entry: Entry = { ...ask, sinceMillis: this.now, status: "waits" }
    const line = this.line([...this.with("waits"), entry])
    const last = line.length > this.size.maxQueued ? this.lent(partition, line) ?? line.at(-1) : undefined
    this.entries.push(entry)
    if (this.mayRun(ask)) entry.status = "runs"
    else if (last === entry) entry.status = "full"
    else if (ask.deadlineMillis <= this.now) entry.status = "deadline"
    else if (last !== undefined) last.status = "full"
  }

  end(entry: Entry, status: Status) {
    if (status === "ok" && this.pending !== undefined) this.resize(this.pending)
    entry.status = status
    this.serve()
  }

  resize(size: Size) {
    this.size = size
    this.serve()
    for (const entry of this.line().slice(size.maxQueued)) entry.status = "full"
  }

  private serve() {
    for (;;) {
      const { shares } = this.rules
      const line = this.line().filter((entry) => this.mayRun(entry))
      const owed = line.find(({ partition }) => this.isOwed({ partition, share: shares[partition] ?? 0 }))
      const next = owed ?? line[0]
      if (next === undefined) return
      next.status = next.deadlineMillis <= this.now ? "deadline" : "runs"
    }
  }

  advance(millis: number) {
    this.now += millis
    for (const entry of this.with("waits")) {
      const untilMillis = entry.sinceMillis + this.rules.queueTimeoutMillis
      if (Math.min(untilMillis, entry.deadlineMillis) > this.now) continue
      entry.status = entry.deadlineMillis <= untilMillis ? "deadline" : "timeout"
    }
  }
}

interface Seen extends Size {
  readonly running: number
  readonly queued: number
  readonly rejected: { readonly [reason in Reason]: number }
}

/** What both kinds have in common. */
interface Subject {
  readonly protect: (effect: Effect.Effect<string, string>, ask: Ask) => Effect.Effect<string, unknown>
  readonly resize: (size: Size) => void
  readonly seen: () => Seen
}

interface Call {
  readonly fiber: Fiber.RuntimeFiber<string, unknown>
  readonly gate: Deferred.Deferred<string, string>
  status: Status
}

const said = (exit: Exit.Exit<string, unknown>): Status => {
  if (Exit.isSuccess(exit)) return "ok"
  if (Cause.isInterruptedOnly(exit.cause)) return "interrupted"
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  if (error instanceof Bulkhead.BulkheadFull || error instanceof AdaptiveLimiter.LimitExceeded) return error.reason
  return error === "down" ? "down" : assert.fail(Cause.pretty(exit.cause))
}

/** Real fibers on a clock and a scheduler that are moved by hand. */
class Real {
  readonly clock = Virtual.clock()
  readonly queue = new Services.TaskQueue()
  readonly calls: Array<Call> = []
  running = 0

  constructor(readonly subject: Subject) {}

  ask(ask: Ask) {
    const gate = Deferred.unsafeMake<string, string>(FiberId.none)
    const work = Effect.suspend(() => {
      call.status = "runs"
      this.running++
      return Effect.onExit(Deferred.await(gate), () => Effect.sync(() => this.running--))
    })
    const program = this.subject.protect(work, ask).pipe(
      Deadline.locally(ask.deadlineMillis),
      Effect.withClock(this.clock)
    )
    const fiber = this.queue.fork(program)
    const call: Call = { fiber, gate, status: "waits" }
    fiber.addObserver((exit) => {
      call.status = said(exit)
    })
    this.calls.push(call)
    this.queue.flush()
  }

  advance(millis: number) {
    const until = this.clock.millis + millis
    for (;;) {
      const next = Math.min(...[...this.clock.sleeps.values()].map(({ atMillis }) => atMillis))
      if (next > until) break
      this.clock.advance()
      this.queue.flush()
    }
    this.clock.millis = until
  }
}

const nothing = { runs: 0, full: 0, timeout: 0, deadline: 0, displaced: 0, resized: 0, queued: 0, borrowed: 0 }
let covered = nothing

const agree = (model: Model, { calls, clock, running, subject }: Real) => {
  assert.deepStrictEqual(calls.map(({ status }) => status), model.entries.map(({ status }) => status))
  const count = (status: Status) => model.with(status).length
  assert.deepStrictEqual(subject.seen(), {
    ...model.size,
    running: count("runs"),
    queued: count("waits"),
    rejected: { full: count("full"), timeout: count("timeout"), deadline: count("deadline") }
  })
  assert.strictEqual(running, count("runs"))
  // A timer for each wait that is limited, and none for what is over.
  const limited = model.with("waits").filter(({ deadlineMillis }) =>
    Math.min(deadlineMillis, model.rules.queueTimeoutMillis) < Infinity
  )
  assert.strictEqual(clock.sleeps.size, limited.length)
  if (count("waits") > 0) covered.queued++
}

const isBulkhead = ({ rules }: Model) => Object.keys(rules.shares).length === 0

class Command implements fc.Command<Model, Real> {
  constructor(
    readonly name: string,
    readonly can: (model: Readonly<Model>) => boolean,
    readonly change: (model: Model, real: Real) => void
  ) {}

  check(model: Readonly<Model>) {
    return this.can(model)
  }
  run(model: Model, real: Real) {
    const before = model.with("runs").length
    this.change(model, real)
    real.queue.flush()
    agree(model, real)
    // Nobody begins beyond the limit, unless it is owed a permit.
    const now = model.with("runs").length
    if (now > before && isBulkhead(model)) assert.isAtMost(now, model.size.limit)
    if (now > model.size.limit) covered.borrowed++
  }
  toString() {
    return this.name
  }
}

const ask = fc.record({
  priority: fc.constantFrom(0, 0, 0, 1, 2, -1),
  partition: fc.constantFrom("a", "b", "other"),
  inMillis: fc.constantFrom(Infinity, Infinity, 0, 5, 10, 10, 30, -5)
}).map(({ inMillis, partition, priority }) =>
  new Command(
    `ask(${priority}, ${partition}, ${inMillis})`,
    () => true,
    (model, real) => {
      const before = model.with("full").length
      const one = { priority: isBulkhead(model) ? priority : 0, partition, deadlineMillis: model.now + inMillis }
      model.ask(one)
      real.ask(one)
      const { status } = model.entries.at(-1)!
      if (status === "waits" && model.with("full").length > before) covered.displaced++
      if (status === "runs" || status === "full") covered[status]++
    }
  )
)

const pick = <A>(from: ReadonlyArray<A>, n: number): A => from[n % from.length]!

const end = fc.tuple(fc.nat(20), fc.constantFrom<Status>("ok", "down", "interrupted")).map(([n, how]) =>
  new Command(
    `end(${n}, ${how})`,
    (model) => model.with("runs").length > 0,
    (model, real) => {
      const entry = pick(model.with("runs"), n)
      const { fiber, gate } = real.calls[model.entries.indexOf(entry)]!
      model.end(entry, how)
      if (how === "interrupted") fiber.unsafeInterruptAsFork(FiberId.none)
      else Deferred.unsafeDone(gate, how === "ok" ? Exit.succeed("ok") : Exit.fail("down"))
    }
  )
)

const leave = fc.nat(20).map((n) =>
  new Command(`leave(${n})`, (model) => model.with("waits").length > 0, (model, real) => {
    const entry = pick(model.with("waits"), n)
    entry.status = "interrupted"
    real.calls[model.entries.indexOf(entry)]!.fiber.unsafeInterruptAsFork(FiberId.none)
  })
)

const advance = fc.constantFrom(0, 1, 9, 10, 15, 30).map((millis) =>
  new Command(`advance(${millis})`, () => true, (model, real) => {
    const rejected = () => [model.with("timeout").length, model.with("deadline").length] as const
    const before = rejected()
    model.advance(millis)
    real.advance(millis)
    const after = rejected()
    covered.timeout += after[0] - before[0]
    covered.deadline += after[1] - before[1]
  })
)

const sizes = fc.record({ limit: fc.integer({ min: 1, max: 5 }), maxQueued: fc.integer({ min: 0, max: 5 }) })

const resize = sizes.map((size) =>
  new Command(`resize(${JSON.stringify(size)})`, () => true, (model, real) => {
    if (isBulkhead(model)) model.resize(size)
    else model.pending = { ...size, maxQueued: model.size.maxQueued }
    real.subject.resize(size)
    covered.resized++
  })
)

const commands = fc.commands([ask, ask, ask, ask, ask, end, end, end, leave, advance, advance, resize], {
  size: "max",
  maxCommands: 100
})

const rules = fc.record({
  limit: fc.integer({ min: 1, max: 4 }),
  maxQueued: fc.integer({ min: 0, max: 5 }),
  order: fc.constantFrom("fifo" as const, "lifo" as const),
  queueTimeoutMillis: fc.constantFrom(Infinity, 5, 20),
  shares: fc.constant({})
})

const timeout = ({ queueTimeoutMillis }: Rules) => queueTimeoutMillis === Infinity ? undefined : queueTimeoutMillis

const bulkhead = (rules: Rules): Subject => {
  const { limit: maxConcurrent, maxQueued, order } = rules
  const options = { maxConcurrent, maxQueued, order, queueTimeout: timeout(rules) }
  const handle = Effect.runSync(Bulkhead.make(options))
  return {
    protect: (effect, { priority }) => Bulkhead.protect(effect, handle, { priority }),
    resize: ({ limit: maxConcurrent, maxQueued }) =>
      Effect.runSync(Bulkhead.resize(handle, { maxConcurrent, maxQueued })),
    seen: () => {
      const { key: _, maxConcurrent: limit, ...seen } = Effect.runSync(Bulkhead.snapshot(handle))
      return { ...seen, limit }
    }
  }
}

/** Its limit is what it was told last, from the next sample on. */
const limiter = (rules: Rules): Subject => {
  let told = rules.limit
  const handle = Effect.runSync(AdaptiveLimiter.make({
    algorithm: { initial: undefined, next: () => undefined, limit: () => told },
    maxQueued: rules.maxQueued,
    queueTimeout: timeout(rules),
    partitions: rules.shares
  }))
  return {
    protect: (effect, { partition }) => AdaptiveLimiter.protect(effect, handle, { partition }),
    resize: ({ limit }) => {
      told = limit
    },
    seen: () => {
      const { key: _, partitions: __, ...seen } = Effect.runSync(AdaptiveLimiter.snapshot(handle))
      return seen
    }
  }
}

const checked = (rules: fc.Arbitrary<Rules>, subject: (rules: Rules) => Subject, numRuns = 80) => {
  const property = fc.property(rules, commands, (rules, commands) => {
    const { limit, maxQueued } = rules
    fc.modelRun(() => ({ model: new Model(rules, { limit, maxQueued }), real: new Real(subject(rules)) }), commands)
  })
  covered = { ...nothing }
  fc.assert(property, { numRuns, seed: 5 })
  return covered
}

const isCovered = (covered: Partial<typeof nothing>) => {
  for (const [what, often] of Object.entries(covered)) assert.isAbove(often, 30, `${what} is hardly tested`)
}

describe("the queue for permits", () => {
  it("of a bulkhead is what a model makes of a list of all that has been asked", () => {
    isCovered(checked(rules, bulkhead))
  })

  it("of an adaptive limiter is so too, with partitions", () => {
    const shares = fc.constantFrom<Rules["shares"]>({ a: 0.5, b: 0.5 }, { a: 0.25, b: 0.5 }, { a: 0.5 }, { b: 1 })
    const all = fc.record({ rules, shares }).map(({ rules, shares }): Rules => ({ ...rules, order: "fifo", shares }))
    isCovered(checked(all, limiter, 240))
  })
})
