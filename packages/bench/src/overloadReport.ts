import { code, microTable, number, table } from "./markdown.js"
import type * as results from "./results.js"

const rateTable = ({ rates }: results.Overload): string => {
  const kinds = [...new Set(rates.map(({ kind }) => kind))]
  const limits = [...new Set(rates.map(({ limit }) => limit))]
  return table(
    ["limiter", ...limits.map((limit) => `${limit.toLocaleString("en")} per second`)],
    kinds.map((kind) => [
      code(kind),
      ...limits.map((limit) => {
        const one = rates.find((rate) => rate.kind === kind && rate.limit === limit)
        return `${((one?.perSecond ?? NaN) / limit * 100).toFixed(1)} %`
      })
    ])
  )
}

const originTable = ({ origins }: results.Overload): string =>
  table(
    ["client", "origins", "bytes per origin", "MiB", "MiB after twice as many", "timers", "fibers"],
    Object.entries(origins).map(([kind, one]) => [
      code(kind),
      one.origins.toLocaleString("en"),
      number(one.bytes),
      (one.bytes * one.origins / 2 ** 20).toFixed(1),
      (one.bytesWithMore * one.origins / 2 ** 20).toFixed(1),
      String(one.timers),
      String(one.fibers)
    ])
  )

export const markdown = (overload: results.Overload): string =>
  `## Overload policies

On success, each alone: nothing is rejected and nothing waits. Those in promises, and those that hedge or time out, are around a
promise, the others around \`Effect.void\`. Effect has no budget, no learned limit and no hedge; \`Effect.race\` with a delayed
attempt stands beside the last. A limiter of Effect is made in each sample: it lives in a fiber. opossum too, as above.

${microTable(overload.micro, overload.bytes)}

### The whole pipeline

- \`standard\`: retries with a budget, a circuit breaker, an attempt timeout, a deadline.
- \`+ limits\`: and a bulkhead and a rate limiter, which need not wait.
- Effect's own parts: \`Effect.retry\`, \`Effect.timeout\` (twice, for attempt and call), \`semaphore.withPermits\`,
  \`effect/RateLimiter\` and a circuit breaker of a \`Ref\` and generators that counts failures in a row. No budget.
- cockatiel: \`wrap\` of timeout, retry, \`SamplingBreaker\`, bulkhead and timeout (aggressive). No budget, no rate limiter.

${microTable(overload.pipeline, overload.pipelineBytes)}

### Calls that a rate limiter admits

By 64 fibers that ask all the time, for 3 s after the burst: calls per second over the limit, in real time.

${rateTable(overload)}

### Memory per origin

The memory of a client after a call to each of 10,000 origins (the default capacity of each guard), and to 10,000 others. The
table also has the live timers and fibers. \`all guards\` are a bulkhead, a learned limit, a rate limiter and a hedge on
top. Bytes on the heap and in buffers after a full collection, each client in a process of its own.

${originTable(overload)}
`
