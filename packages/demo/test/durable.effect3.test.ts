import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as report from "../src/durable/report.effect3.js"
import { run } from "../src/durable/run.effect3.js"

describe("a payment run", () => {
  it.live(
    "whose process is killed twice just after a charge charges every order once, under one key",
    () =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const tell = (line: string) => Effect.sync(() => void lines.push(line))
        const result = yield* run({ seed: "small", orders: 9, kills: 2, tell })
        assert.deepStrictEqual(report.broken(result), [])
        const rows = Object.fromEntries(report.rows(result).map(([label, value]) => [label.trim(), value]))
        assert.deepInclude(rows, { calls: 9, "that succeeded": 9, "orders charged once": 9 })
        assert.isAtLeast(rows["sent again by the next process"]!, 2)
        assert.strictEqual(lines.filter((line) => line.includes("SIGKILL")).length, 2)
        assert.match(report.render(result), /\n +[\d.]+ s +\d +\d +[0-9a-f]{8}|\n[\d.]+ s/)
      }),
    60_000
  )
})
