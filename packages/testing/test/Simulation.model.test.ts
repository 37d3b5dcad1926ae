import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { Exchange, Server } from "../src/internal/simulation/server.js"
import { Agenda, type Timer } from "../src/internal/virtual/agenda.js"
import * as Simulation from "../src/Simulation.js"

const millis = fc.integer({ min: 0, max: 50 })

describe("the agenda", () => {
  it("does what is due in the order of time, first in first out, and nothing that was cancelled", () => {
    const entries = fc.array(fc.record({ after: millis, isCancelled: fc.boolean() }), { maxLength: 60, size: "max" })
    fc.assert(fc.property(entries, (entries) => {
      const agenda = new Agenda()
      const done: Array<number> = []
      const timers = entries.map(({ after }, index) => agenda.after(after, () => done.push(index)))
      timers.forEach((timer, index) => entries[index]!.isCancelled && agenda.cancel(timer))
      while (agenda.advance()) assert.strictEqual(agenda.nowMillis, entries[done.at(-1)!]!.after)
      const expected = [...entries.keys()]
        .filter((index) => !entries[index]!.isCancelled)
        .sort((a, b) => entries[a]!.after - entries[b]!.after || a - b)
      assert.deepStrictEqual(done, expected)
      assert.strictEqual(agenda.pending, 0)
    }))
  })

  it("lets what is due add to it and take from it", () => {
    const agenda = new Agenda()
    const done: Array<string> = []
    let cancelled: Timer | undefined = undefined
    agenda.after(5, () => {
      done.push(`a ${agenda.nowMillis}`)
      agenda.after(0, () => done.push(`b ${agenda.nowMillis}`))
      agenda.after(1, () => done.push(`c ${agenda.nowMillis}`))
      agenda.cancel(cancelled!)
    })
    cancelled = agenda.after(6, () => done.push("never"))
    assert.strictEqual(agenda.pending, 2)
    while (agenda.advance());
    agenda.cancel(cancelled)
    assert.deepStrictEqual(done, ["a 5", "b 5", "c 6"])
    assert.strictEqual(agenda.pending, 0)
  })
})

interface Request {
  readonly atMillis: number
  /** After how long its client goes away, if it is not answered before. */
  readonly patience: number
}

const requests = fc.array(fc.record({ atMillis: millis, patience: fc.integer({ min: 1, max: 40 }) }), {
  maxLength: 40,
  size: "max"
}).map((requests) => [...requests].sort((a, b) => a.atMillis - b.atMillis))

// Off the grid of the requests, so that nothing happens at the same time.
const outage = fc.record({ from: millis, length: millis }).map(({ from, length }) => ({
  from: from + 0.25,
  to: from + length + 0.25
}))
const serviceMillis = 3.1

/** When each request is answered, in the model of the simulation. */
const served = (requests: ReadonlyArray<Request>, { from, to }: { readonly from: number; readonly to: number }, {
  abandoned = "serve" as "serve" | "skip" | "remove",
  queue = Infinity
} = {}) => {
  const agenda = new Agenda()
  const server = new Server(agenda, { capacity: 1_000 / serviceMillis, queue, abandoned })
  const answers: Array<number | "refused" | undefined> = requests.map(() => undefined)
  agenda.after(from, () => server.stall(true))
  agenda.after(to, () => server.stall(false))
  requests.forEach(({ atMillis, patience }, index) =>
    agenda.after(atMillis, () => {
      const exchange = new Exchange(() => {
        answers[index] = agenda.nowMillis
      })
      if (!server.accept(exchange)) answers[index] = "refused"
      else agenda.after(patience + 0.5, () => server.abandon(exchange))
    })
  )
  while (agenda.advance());
  return { answers, server }
}

/** The same by the recursion of Lindley: a service begins when the one before has ended, and not in the outage. */
const expected = (requests: ReadonlyArray<Request>, { from, to }: { readonly from: number; readonly to: number }) => {
  let free = 0
  return requests.map(({ atMillis, patience }) => {
    const ready = Math.max(free, atMillis)
    const begins = ready >= from && ready < to ? to : ready
    free = begins + serviceMillis
    return free < atMillis + patience + 0.5 ? free : undefined
  })
}

const isClose = (a: number | "refused" | undefined, b: number | undefined): boolean =>
  a === b || (typeof a === "number" && b !== undefined && Math.abs(a - b) < 1e-6)

describe("the server", () => {
  it("answers when the recursion of Lindley says, and serves those that are gone for nobody", () => {
    fc.assert(fc.property(requests, outage, (requests, outage) => {
      const { answers, server } = served(requests, outage)
      const all = expected(requests, outage)
      assert.isTrue(answers.every((at, index) => isClose(at, all[index])))
      assert.strictEqual(server.services, requests.length)
      assert.strictEqual(server.wasted, all.filter((at) => at === undefined).length)
      assert.strictEqual(server.length, 0)
    }))
  })

  it("serves nobody that is gone where it looks before it begins, and ends at once where it notices", () => {
    fc.assert(fc.property(requests, outage, (requests, outage) => {
      for (const abandoned of ["skip", "remove"] as const) {
        const { answers, server } = served(requests, outage, { abandoned })
        const answered = answers.filter((at) => at !== undefined).length
        assert.strictEqual(server.services - server.wasted, answered)
        if (abandoned === "remove") assert.strictEqual(server.wasted, 0)
        // Whoever is answered by one that serves everybody is answered by one that does not.
        assert.isAtLeast(answered, expected(requests, outage).filter((at) => at !== undefined).length)
        assert.strictEqual(server.length, 0)
      }
    }))
  })

  it("lets so many wait and no more", () => {
    fc.assert(fc.property(requests, outage, fc.integer({ min: 0, max: 5 }), (requests, outage, queue) => {
      const patient = requests.map(({ atMillis }) => ({ atMillis, patience: 1_000 }))
      const { answers, server } = served(patient, outage, { queue })
      assert.isAtMost(server.peak, Math.max(queue, 1))
      assert.strictEqual(server.services, answers.filter((at) => typeof at === "number").length)
      assert.isTrue(answers.every((at) => at !== undefined))
    }))
  })

  it.effect("has as long a queue as theory says: r^2 / 2 (1 - r) at load r", () =>
    Effect.gen(function*() {
      const { seconds } = yield* Simulation.run({
        clients: 1,
        capacity: 100,
        load: 0.8,
        duration: "4 minutes",
        policy: (server) => server
      })
      const mean = seconds.reduce((sum, { queue }) => sum + queue, 0) / seconds.length
      assert.closeTo(mean, 0.8 ** 2 / (2 * (1 - 0.8)), 0.4)
    }))
})
