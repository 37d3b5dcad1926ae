/**
 * Compares the tables of `docs/migrations/circuit-breakers.md` with their tests: each row has a test, and the test contains the
 * snippet of the row.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import { type Breaker, make } from "./breakerCalls.js"

const compact = (text: string) => text.replaceAll(/\s/g, "")
const plain = (cell: string) => cell.replaceAll("`", "").replaceAll("\\|", "|").trim()

/** The rows of the tables under these headings. */
const rowsOf = (headings: ReadonlyArray<string>) => {
  const page = readFileSync(new URL("../../../docs/migrations/circuit-breakers.md", import.meta.url), "utf8")
  return page.split("\n## ")
    .filter((section) => headings.includes(section.split("\n")[0]!))
    .flatMap((section) => section.split("\n").filter((line) => /^\| (?!setting|---)/.test(line)))
    .map((line) => line.split(/(?<!\\)\|/).slice(1))
}

export const peers = (file: string, headings: ReadonlyArray<string>) => {
  const tested: Array<string> = []
  return {
    /** A test of the row with this name: what is there, in the words of the other libraries. */
    row: (name: string, sentence: string, test: () => Effect.Effect<unknown, unknown>) => {
      tested.push(name)
      it.effect(`${name}: ${sentence}`, test)
    },
    check: () => {
      const source = compact(readFileSync(new URL(file), "utf8"))
      const rows = rowsOf(headings)
      assert.deepStrictEqual(rows.map(([name = ""]) => plain(name)), tested)
      for (const [, snippet = ""] of rows) {
        assert.match(snippet, /^ `[^`]+` $/)
        assert.isTrue(source.includes(compact(plain(snippet))), snippet)
      }
    }
  }
}

export const is = (breaker: Breaker, expected: CircuitBreaker.State) =>
  Effect.map(CircuitBreaker.state(breaker), (state) => assert.strictEqual(state, expected))

export const opened = Effect.tap(make(), (breaker) => CircuitBreaker.trip(breaker))
