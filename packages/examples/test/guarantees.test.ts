import { assert, describe, it } from "@effect/vitest"
import { ResilientHttpClient } from "@reprise/http"
import { Explain } from "@reprise/testing"
import { Effect } from "effect"
import * as Fs from "node:fs"
import { columns, faults, methodsOf, send, transports } from "../src/guarantees.js"

const readme = Fs.readFileSync(new URL("../../../README.md", import.meta.url), "utf8")

const cellsOf = (row: string): ReadonlyArray<string> => row.split("|").slice(1, -1).map((cell) => cell.trim())

const [heading = [], , ...rows] = readme
  .slice(readme.indexOf("## Is it sent again?"))
  .split("\n")
  .slice(1)
  .join("\n")
  .split("\n## ")[0]!
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map(cellsOf)

describe("the table of guarantees in the README", () => {
  it("has the columns and rows that are tested, and no others", () => {
    assert.deepStrictEqual(heading.slice(1), Object.keys(columns))
    assert.deepStrictEqual(rows.map(([first]) => first), Object.keys(faults))
  })

  describe.each(Object.entries(transports))("over %s", (_, transport) => {
    for (const [row, ...cells] of rows) {
      cells.forEach((cell, index) => {
        const title = heading[index + 1]!
        it.live(`says ${cell} to "${row}" and ${title}, and so it is on the wire`, () =>
          Effect.gen(function*() {
            const column = columns[title]!
            const expected = { yes: { attempts: 2, succeeded: true }, no: { attempts: 1, succeeded: false } }[cell]
            for (const fault of faults[row!]!) {
              for (const method of methodsOf(fault, column)) {
                assert.deepStrictEqual(
                  yield* send(fault, method, column),
                  expected,
                  `${method} ${JSON.stringify(fault)}`
                )
              }
            }
          }).pipe(Effect.provide(transport)))
      })
    }
  })
})

it.effect("The table of Explain in the README is the table that Explain prints", () =>
  Effect.gen(function*() {
    const busy = { status: 429, headers: { "retry-after": "7" } }
    const explanation = yield* Explain.explain(ResilientHttpClient.standard(), [503, busy, 200])
    const [, table] = /```text\n(GET [^]*?)\n```/.exec(readme)!
    assert.strictEqual(Explain.table(explanation).trimEnd(), table)
  }))
