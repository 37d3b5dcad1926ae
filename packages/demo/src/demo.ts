/** All contenders one after the other, the table, the report. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type { ApiDied } from "./api/child.js"
import * as child from "./api/child.js"
import * as Calls from "./calls.js"
import * as contenders from "./contenders.js"
import type { Score } from "./measure.js"
import { inWords, score } from "./measure.js"
import * as progress from "./progress.js"
import * as page from "./report/page.js"
import * as stories from "./report/stories.js"
import { type Run, run } from "./run.js"
import * as table from "./table.js"

export interface Result {
  readonly runs: ReadonlyArray<Run>
  readonly scores: ReadonlyArray<Score>
}

/** Sends `total` calls through each contender. */
export const compete = (
  seed: string,
  total: number,
  output: progress.Output
): Effect.Effect<Result, ApiDied, Scope> =>
  Effect.gen(function*() {
    const api = yield* child.start(seed, total)
    const runs = yield* Effect.forEach(contenders.all, (contender) =>
      run(contender, { seed, total, api, onProgress: progress.make(contender.name, total, output) }))
    return { runs, scores: runs.map(score) }
  })

/** The whole demo; gives the report and whether Reprise kept its promise. */
export const demo = (seed: string): Effect.Effect<{ readonly kept: boolean; readonly html: string }, ApiDied> =>
  Effect.gen(function*() {
    const calls = Calls.make()
    yield* Console.log(`${calls.length} calls to a flaky payment API, three ways to retry (seed: ${seed})\n`)
    const { runs, scores } = yield* Effect.scoped(compete(seed, calls.length, process.stdout))
    yield* Console.log(`\n${table.compare(scores)}\n`)
    yield* Effect.forEach(scores, (score) => Console.log(`${score.name}: ${inWords(score)}`))
    const html = page.render({
      seed,
      scores,
      policies: contenders.all.map((contender) => contender.policy),
      stories: stories.pick(runs, calls, seed)
    })
    const kept = scores.every((score) => score.name !== contenders.reprise.name || score.chargedTwice === 0)
    return { kept, html }
  })
