import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Schedule, TestClock } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Deadline from "reprise/Deadline"
import { InvalidOption } from "reprise/InvalidOption"
import * as Pipeline from "reprise/Pipeline"
import * as Policy from "reprise/Policy"
import * as Telemetry from "reprise/Telemetry"
import * as Tripping from "reprise/Tripping"
import { working } from "../../../src/internal/shell/wait.js"
import * as Virtual from "../../virtual.js"

type Full = Policy.Full<string>

const bug = new Error("bug")
const throwing = () => {
  throw bug
}

/** A policy that makes calls wait as long as it is closed, and writes down what happens to its tickets. */
const door = (name: string, log: Array<string>, { isOpen = true, kind = "resource" as Full["kind"] } = {}) => {
  const say = (what: string) => () => void log.push(`${name} ${what}`)
  const ticket = { settle: say("settles"), withdraw: say("withdraws") }
  const self = { isOpen, isLate: false, onTake: say("takes"), turn: undefined as Policy.Turn<string> | undefined }
  const turn = (): Policy.Turn<string> => ({
    onWake: undefined,
    poll: (_, isPastDeadline) =>
      isPastDeadline ? { _tag: "Reject", error: `${name} late` } : self.isOpen ? ticket : undefined,
    leave: say("leaves")
  })
  const wait: Policy.Wait<string> = { _tag: "Wait", enter: () => self.turn = turn() }
  const admit: Policy.Admit = {
    _tag: "Admit",
    holds: true,
    take: () => {
      self.onTake()
      return ticket
    }
  }
  const source = { policy: "door", key: name, inspect: () => ({ policy: "door", key: name }) }
  const policy = Policy.make<string>({ kind, holds: true, source, decide: () => self.isOpen ? admit : wait })
  const open = () => {
    self.isOpen = true
    self.turn?.onWake?.()
  }
  return Object.assign(self, { policy, open })
}

const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.zipLeft(Effect.fork(effect), TestClock.adjust(0))

describe("the grants of an attempt that waits again", () => {
  const scene = (kind: Full["kind"]) =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const first = door("first", log, { isOpen: false, kind })
      const second = door("second", log, { isOpen: false })
      const third = door("third", log, { isOpen: true })
      const protecting = Policy.protect(
        Effect.sync(() => log.push("runs")),
        [first, second, third].map((d) => d.policy)
      )
      const fiber = yield* fork(protecting)
      return { log, first, second, third, fiber }
    })

  it.effect("stay, if an earlier resource has given them", () =>
    Effect.gen(function*() {
      const { fiber, first, log, second } = yield* scene("resource")
      first.open()
      yield* TestClock.adjust(0)
      second.open()
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(log, ["third takes", "runs", "third settles", "second settles", "first settles"])
    }))

  it.effect("are withdrawn, if a judge has given them", () =>
    Effect.gen(function*() {
      const { fiber, first, log, second } = yield* scene("judge")
      first.open()
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(log, ["first withdraws"])
      second.open()
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(log.slice(1, 4), ["first takes", "third takes", "runs"])
    }))

  it.effect("are withdrawn, if a later policy has given them", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const [first, second, third] = [
        door("first", log, { isOpen: false, kind: "judge" }),
        door("second", log, { isOpen: false }),
        door("third", log, { isOpen: false })
      ]
      const fiber = yield* fork(Policy.protect(Effect.void, [first.policy, second.policy, third.policy]))
      first.open()
      yield* TestClock.adjust(0)
      second.open()
      yield* TestClock.adjust(0)
      first.isOpen = false
      third.open()
      yield* TestClock.adjust(0)
      // The attempt has waited for the third policy, and now waits for the first.
      assert.deepStrictEqual(log, ["first withdraws", "third withdraws", "second withdraws"])
      first.open()
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(log.slice(3), [
        "second takes",
        "third takes",
        "third settles",
        "second settles",
        "first settles"
      ])
    }))

  it.effect("are withdrawn in reverse order if the call is interrupted, even if a policy throws", () =>
    Effect.gen(function*() {
      const { fiber, first, log, second, third } = yield* scene("resource")
      third.isOpen = false
      for (const door of [first, second]) {
        door.open()
        yield* TestClock.adjust(0)
      }
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log, ["third leaves", "second withdraws", "first withdraws"])
    }))

  it.effect("are withdrawn if another policy throws while it takes", () =>
    Effect.gen(function*() {
      for (const at of [0, 2] as const) {
        const log: Array<string> = []
        const doors = [door("first", log), door("second", log, { isOpen: false }), door("third", log)]
        doors[at]!.onTake = throwing
        const fiber = yield* fork(Policy.protect(Effect.void, doors.map(({ policy }) => policy)))
        doors[1]!.open()
        assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.die(bug))
        assert.deepStrictEqual(
          log,
          at === 0 ? ["second withdraws"] : ["first takes", "second withdraws", "first withdraws"]
        )
      }
    }))

  it.effect("do not include what a policy has not given because it threw", () =>
    Effect.gen(function*() {
      let withdrawn = 0
      const admit = { _tag: "Admit" as const, holds: true, take: throwing, withdraw: () => void withdrawn++ }
      const policy = Policy.make<never>({ kind: "resource", holds: true, decide: () => admit })
      assert.deepStrictEqual(yield* Effect.exit(Policy.protect(Effect.void, [policy])), Exit.die(bug))
      assert.strictEqual(withdrawn, 0)
    }))
})

describe("a policy that throws", () => {
  const deciding = (decide: Full["decide"]) => Policy.make<string>({ kind: "resource", holds: true, decide })
  const waiting = (enter: Policy.Wait<string>["enter"]) => deciding(() => ({ _tag: "Wait", enter }))

  it.effect("makes the call die with its defect, wherever it throws", () =>
    Effect.gen(function*() {
      const cases = [
        deciding(throwing),
        waiting(throwing),
        waiting(() => ({ onWake: undefined, poll: throwing }))
      ]
      for (const policy of cases) {
        assert.deepStrictEqual(yield* Effect.exit(Policy.protect(Effect.void, [policy])), Exit.die(bug))
      }
    }))

  it.effect("withdraws the grants of other policies, if it throws as the attempt enters its queue", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const first = door("first", log, { isOpen: false })
      const fiber = yield* fork(Policy.protect(Effect.void, [first.policy, waiting(throwing)]))
      first.open()
      assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.die(bug))
      assert.deepStrictEqual(log, ["first withdraws"])
    }))
})

describe("an attempt that requests admission", () => {
  it.effect("shows its options, and whether it may wait", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const policy = Policy.make({
        admit: ({ deadlineMillis, mayWait, nowMillis, partition, priority }) => {
          seen.push({ deadlineMillis, mayWait, nowMillis, partition, priority })
          return undefined
        }
      })
      yield* TestClock.adjust(50)
      yield* Policy.protect(Effect.void, [policy])
      yield* Deadline.locally(Policy.protect(Effect.void, [policy], { priority: 3, partition: "a" }), 100)
      const both = { mayWait: true, nowMillis: 50 }
      assert.deepStrictEqual(seen, [
        { ...both, deadlineMillis: Infinity, partition: undefined, priority: 0 },
        { ...both, deadlineMillis: 100, partition: "a", priority: 3 }
      ])
    }))

  it("reads the clock once per pass, and never if no policy needs it", () => {
    let reads = 0
    const clock = Virtual.clock()
    const read = clock.unsafeCurrentTimeNanos.bind(clock)
    clock.unsafeCurrentTimeNanos = () => {
      reads++
      return read()
    }
    const readsOf = (decide: Full["decide"]) => {
      reads = 0
      const policies = [1, 2].map(() => Policy.make<string>({ kind: "judge", holds: false, decide }))
      Effect.runSync(Effect.withClock(Policy.protect(Effect.void, policies), clock))
      return reads
    }
    const admit: Policy.Admit = { _tag: "Admit", holds: false, take: () => ({}) }
    const wait: Policy.Wait<string> = { _tag: "Wait", enter: throwing }
    const looking = (call: Policy.Call) => call.nowMillis + call.nowMillis >= 0 ? admit : wait
    assert.strictEqual(readsOf(looking), 1)
  })

  it.effect("is asked once if no policy holds anything during the attempt", () =>
    Effect.gen(function*() {
      let asked = 0
      yield* Policy.protect(Effect.void, [Policy.make({ admit: () => void asked++ })])
      assert.strictEqual(asked, 1)
    }))

  it.effect("is rejected once", () =>
    Effect.gen(function*() {
      let asked = 0
      const policy = Policy.make({ admit: () => `rejected ${++asked}` })
      assert.deepStrictEqual(yield* Effect.exit(Policy.protect(Effect.void, [policy])), Exit.fail("rejected 1"))
    }))

  it.effect("may not pass one policy twice", () =>
    Effect.sync(() => {
      const policy = Policy.make({ admit: () => undefined })
      const message = "Invalid option \"policies\": expected every policy at most once"
      assert.throws(() => Policy.protect(Effect.void, [policy, policy]), InvalidOption, message)
    }))
})

describe("the end of an attempt", () => {
  it.effect("reaches a ticket that holds, although the policy did not say so before", () =>
    Effect.gen(function*() {
      const ends: Array<string> = []
      const ticket = { settle: ({ exit }: Policy.End) => void ends.push(exit._tag) }
      const decide = (): Policy.Admit => ({ _tag: "Admit", holds: true, take: () => ticket })
      const fiber = yield* fork(Policy.protect(Effect.never, [Policy.make({ kind: "judge", holds: false, decide })]))
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(ends, ["Failure"])
    }))

  it.effect("reaches a simple policy that asks for it, and any other costs no mask", () =>
    Effect.gen(function*() {
      let settled = 0
      const admit = () => undefined
      const asking = Policy.make({ admit, settle: () => void settled++ })
      const other = Policy.make({ admit })
      assert.deepInclude(asking, { kind: "judge", holds: true })
      assert.deepInclude(other, { kind: "judge", holds: false })
      const fiber = yield* fork(Policy.protect(Effect.never, [asking]))
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(settled, 1)
    }))

  it.effect("has the time of its admission, although no policy read it then", () =>
    Effect.gen(function*() {
      const ends: Array<ReadonlyArray<number>> = []
      const settle = ({ nowMillis, startMillis, tookMillis }: Policy.End) =>
        void ends.push([startMillis, nowMillis, tookMillis])
      const decide = (): Policy.Admit => ({ _tag: "Admit", holds: true, take: () => ({ settle }) })
      yield* TestClock.adjust(1_000)
      const fiber = yield* fork(Policy.protect(Effect.sleep(5), [Policy.make({ kind: "judge", holds: true, decide })]))
      yield* TestClock.adjust(5)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(ends, [[1_000, 1_005, 5]])
    }))

  it.effect("waits for the refinements of all policies, in reverse order", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const refining = (name: string) => {
        const ticket = { settle: () => Effect.sync(() => void log.push(name)) }
        const admit: Policy.Admit = { _tag: "Admit", holds: true, take: () => ticket }
        return Policy.make<never>({ kind: "judge", holds: true, decide: () => admit })
      }
      yield* Policy.protect(Effect.void, [refining("a"), refining("b")])
      assert.deepStrictEqual(log, ["b", "a"])
    }))

  it("costs the operations that its policies need", () => {
    const steps = (ticket: Policy.Ticket) => {
      const admit: Policy.Admit = { _tag: "Admit", holds: false, take: () => ticket }
      const policies = [1, 2].map(() => Policy.make<never>({ kind: "judge", holds: false, decide: () => admit }))
      return Virtual.run(Policy.protect(Effect.void, policies), { yieldAlways: true }).steps
    }
    const costs = [{}, { settle: () => {} }, { settle: () => Effect.void }].map(steps)
    assert.isBelow(costs[0]!, costs[1]!)
    assert.isBelow(costs[1]!, costs[2]!)
  })
})

describe("a wait for a policy", () => {
  const waited = (effect: Effect.Effect<unknown, unknown>) => {
    const events: Array<unknown> = []
    const listened = Telemetry.withListener(effect, (event) => {
      if (event._tag === "Waited") {
        events.push([event.policy, event.key, Duration.toMillis(event.duration), event.outcome])
      }
    })
    return Effect.map(fork(Effect.exit(listened)), (fiber) => ({ events, fiber }))
  }

  it.effect("reports its time and its end", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust(1_000)
      const ends: Record<
        string,
        (door: ReturnType<typeof closed>, fiber: Fiber.Fiber<unknown>) => Effect.Effect<unknown>
      > = {
        admitted: (door) => Effect.sync(door.open),
        rejected: () => TestClock.adjust(93),
        interrupted: (_, fiber) => Fiber.interrupt(fiber)
      }
      const closed = () => door("db", [], { isOpen: false })
      for (const [outcome, end] of Object.entries(ends)) {
        const one = closed()
        const until = (yield* Deadline.now) + 100
        const { events, fiber } = yield* waited(Deadline.locally(Policy.protect(Effect.void, [one.policy]), until))
        yield* TestClock.adjust(7)
        yield* end(one, fiber)
        yield* Fiber.await(fiber)
        assert.deepStrictEqual(events, [["door", "db", outcome === "rejected" ? 100 : 7, outcome]])
      }
    }))

  it("needs no timer if it has no end", () => {
    const { policy } = door("db", [], { isOpen: false })
    assert.deepInclude(Virtual.run(Policy.protect(Effect.void, [policy])), { endMillis: 0, sleepsLeft: 0 })
  })

  it.effect("begins without time left, if the policy cannot refuse it", () =>
    Effect.gen(function*() {
      const { policy } = door("db", [], { isOpen: false })
      const call = Deadline.locally(Policy.protect(Effect.void, [policy]), -1)
      assert.deepStrictEqual(yield* Effect.exit(call), Exit.fail("db late"))
    }))

  it.effect("needs no function that leaves the queue", () =>
    Effect.gen(function*() {
      const wait: Policy.Wait<string> = { _tag: "Wait", enter: () => ({ onWake: undefined, poll: () => undefined }) }
      const policy = Policy.make<string>({ kind: "resource", holds: true, decide: () => wait })
      const fiber = yield* fork(Policy.protect(Effect.void, [policy]))
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
    }))
})

describe("a wait for work", () => {
  const scene = (work: Effect.Effect<unknown, unknown>, leave?: () => void) => {
    let looks = 0
    const admit: Policy.Admit = { _tag: "Admit", holds: true, take: () => ({}) }
    const wait: Policy.Wait<never> = { _tag: "Wait", enter: () => working(work, leave) }
    const policy = Policy.make<never>({ kind: "judge", holds: true, decide: () => looks++ === 0 ? wait : admit })
    return { call: Policy.protect(Effect.sync(() => looks), [policy]) }
  }

  it.effect("ends with the work, and then the policies decide again", () =>
    Effect.gen(function*() {
      const done = yield* Deferred.make<void>()
      const fiber = yield* fork(scene(Deferred.await(done)).call)
      assert.isNull(fiber.unsafePoll())
      yield* Deferred.succeed(done, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), 2)
    }))

  it.effect("ignores the failure of the work", () =>
    Effect.gen(function*() {
      for (const work of [Effect.fail("down"), Effect.die(bug)]) assert.strictEqual(yield* scene(work).call, 2)
    }))

  it.effect("ends with an interruption of the work or of the call", () =>
    Effect.gen(function*() {
      assert.isTrue(Exit.isInterrupted(yield* Effect.exit(scene(Effect.interrupt).call)))
      let left = 0
      const fiber = yield* fork(scene(Effect.never, () => void left++).call)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      assert.strictEqual(left, 1)
    }))
})

describe("a policy that says when it would reject", () => {
  it("passes that on, and says nothing by default", () => {
    const decide = throwing
    const options = { kind: "judge", holds: true, decide } as const
    assert.strictEqual(Policy.make<string>(options).rejectionAt?.(1), undefined)
    const saying = Policy.make<string>({ ...options, rejectionAt: (millis) => `at ${millis}` })
    assert.strictEqual(saying.rejectionAt?.(1), "at 1")
  })
})

describe("an attempt whose caller reports its end", () => {
  it.effect("ends once", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(2), openFor: "1 minute" })
      const permit = yield* CircuitBreaker.admit(breaker)
      yield* CircuitBreaker.settle(breaker, permit, Exit.fail("down"))
      yield* CircuitBreaker.settle(breaker, permit, Exit.fail("down"))
      assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).state, "Closed")
      yield* Effect.ignore(CircuitBreaker.protect(Effect.fail("down"), breaker))
      assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).state, "Open")
    }))
})

describe("the events of an attempt", () => {
  it.effect("come without a policy and without a limit", () =>
    Effect.gen(function*() {
      const events: Array<string> = []
      yield* Telemetry.withListener(Pipeline.make({})(Effect.void), ({ _tag }) => events.push(_tag))
      assert.deepStrictEqual(events, ["AttemptStarted", "AttemptEnded", "CallEnded"])
    }))

  it.effect("come from its parts alone, if it is a race", () =>
    Effect.gen(function*() {
      for (const isRace of [false, true]) {
        const events: Array<string> = []
        const call = Pipeline.call({
          millis: Infinity,
          onDeadline: () => "late",
          run: (running) =>
            running.loop<string, string, never, never, never, string, string, string>({
              attempt: () => Effect.succeed("done"),
              policies: [],
              schedule: Schedule.stop,
              isRace,
              outcome: (exit) => exit
            })
        })
        yield* Telemetry.withListener(call, ({ _tag }) => events.push(_tag))
        assert.deepStrictEqual(events, isRace ? ["CallEnded"] : ["AttemptStarted", "AttemptEnded", "CallEnded"])
      }
    }))
})
