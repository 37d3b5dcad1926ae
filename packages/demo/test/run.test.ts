import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Effect } from "effect"
import * as child from "../src/api/child.js"
import { naive, reprise } from "../src/contenders.js"
import { brokenPromises, score } from "../src/measure.js"
import { print, probe } from "../src/probe.js"
import * as progress from "../src/progress.js"
import { run } from "../src/run.js"

describe("a small run", () => {
  it.scopedLive(
    "of 100 calls charges some twice through the naive loop and nobody through Reprise, whose breaker stops an outage",
    () =>
      Effect.gen(function*() {
        const seed = "small"
        const api = yield* child.start(seed, 100)
        const options = { seed, total: 100, api, onProgress: () => {} }
        const bad = score(yield* run(naive, options))
        const good = score(yield* run(reprise, options))
        assert.deepStrictEqual([bad.calls, good.calls], [100, 100])
        assert.isAbove(bad.chargedTwice, 0)
        assert.isAbove(bad.wasted, 0)
        assert.deepInclude(good, { chargedTwice: 0, extraCharges: 0, wasted: 0 })
        assert.isAbove(good.succeeded, 80)

        const { breaker } = good.outage
        assert.isUndefined(bad.outage.breaker)
        assert.isDefined(breaker)
        if (breaker === undefined) return
        assert.isBelow(good.outage.requests, bad.outage.requests)
        assert.strictEqual(breaker.probesAtOnce, 1)
        // It opened once, and again after each probe but the last.
        assert.isAbove(breaker.probes.length, 1)
        assert.strictEqual(breaker.openings, breaker.probes.length)
        assert.isAbove(breaker.heldBack, 0)
        assert.isBelow(breaker.closedMillis, Infinity)
        assert.deepStrictEqual(brokenPromises(good), [])
      }),
    60_000
  )
})

describe("one request", () => {
  it.scopedLive("gives its ledger as a table", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(Reply.respond({ status: 503 }), Reply.reset())
      const result = yield* probe(server.url, "GET", 4)
      assert.isTrue(result.succeeded)
      assert.strictEqual(result.ending, "answered 200")
      const lines = print(result).split("\n")
      assert.match(lines[0]!, /^attempt +start +duration +outcome +delay +why$/)
      assert.match(lines[2]!, /^1 .* ServerError 503 .* backoff$/)
      assert.match(lines[3]!, /^2 .* ConnectionLost .* backoff$/)
      assert.match(lines[4]!, /^3 .* success +- +success$/)
    }).pipe(Effect.provide(NodeHttpClient.layerUndici)))

  it.scopedLive("shows why a POST is not sent again", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.reset() })
      const result = yield* probe(server.url, "POST", 4)
      assert.isFalse(result.succeeded)
      assert.match(print(result), /ConnectionLost.* notIdempotent$/)
    }).pipe(Effect.provide(NodeHttpClient.layerUndici)))
})

describe("the progress", () => {
  const written = (isTTY: boolean) => {
    const out: Array<string> = []
    const tell = progress.make("Reprise", 40, { isTTY, write: (text) => out.push(text) })
    for (let done = 1; done <= 40; done++) tell(done, done <= 20 ? "outage" : "fair again")
    return out
  }

  it("is a line per phase where there is no terminal", () => {
    assert.deepStrictEqual(written(false).map((line) => line.trimEnd().split("  ").at(-1)), ["outage", "fair again"])
  })

  it("is one line that changes in a terminal, and ends it", () => {
    const out = written(true)
    assert.isTrue(out.every((line) => line.startsWith("\r\x1b[2K")))
    assert.match(out.at(-1)!, /40 of 40 .*\n$/)
  })
})
