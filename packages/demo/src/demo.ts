/** All contenders one after the other, the table, the report. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type { ApiDied } from "./api/child.js"
import * as child from "./api/child.js"
import * as Calls from "./calls.js"
import * as contenders from "./contenders.js"
import type { Score } from "./measure.js"
import { brokenPromises, inWords, score } from "./measure.js"
import * as progress from "./progress.js"
import * as outageStrips from "./report/outageStrips.js"
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

export interface Outcome {
  /** The promises of Reprise that it did not keep. */
  readonly broken: ReadonlyArray<string>
  readonly html: string
}

/** The whole demo, and its report. */
export const demo = (seed: string): Effect.Effect<Outcome, ApiDied> =>
  Effect.gen(function*() {
    const calls = Calls.make()
    yield* Console.log(`${calls.length} calls to a flaky payment API, three ways to retry (seed: ${seed})\n`)
    const { runs, scores } = yield* Effect.scoped(compete(seed, calls.length, process.stdout))
    yield* Console.log(`\n${table.compare(scores)}\n`)
    const width = Math.min(process.stdout.columns ?? 100, 100)
    yield* Effect.forEach(scores, (score) => Console.log(table.wrap(`${score.name}: ${inWords(score)}`, width)))
    const html = page.render({
      seed,
      scores,
      policies: contenders.all.map((contender) => contender.policy),
      strips: outageStrips.pick(runs),
      stories: stories.pick(runs, calls, seed)
    })
    const broken = scores.filter(({ name }) => name === contenders.reprise.name).flatMap(brokenPromises)
    return { broken, html }
  })
