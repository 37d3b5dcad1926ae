import { code, microTable, number, range, table } from "./markdown.js"
import * as results from "./results.js"

const windowTable = ({ windows }: results.Breakers): string =>
  table(
    ["window", "ns per call", "range", "against", "ratio"],
    Object.entries(windows[0]?.bases ?? {}).map(([name, base]) => {
      const total = results.total(windows, name)
      const own = name === base
      return [
        name,
        total.median.toFixed(1),
        range(total),
        own ? "" : base,
        own ? "" : `${results.totalRatio(windows, name, base).median.toFixed(2)} x`
      ]
    })
  )

const heapTable = ({ heap }: results.Breakers): string =>
  table(
    ["one of", "made", "bytes", "timers"],
    Object.entries(heap).map(([kind, { bytes, count, timers }]) => [
      code(kind),
      count.toLocaleString("en"),
      number(bytes),
      number(timers)
    ])
  )

export const markdown = (breakers: results.Breakers): string =>
  `## Circuit breakers

On success, and while open (each library catches the rejection). opossum has a new breaker in each sample. Once a second
it sorts the times of all calls of its window, which would fall into the samples of others.

${microTable(breakers.micro, breakers.bytes)}

### Windows

To record a call and to ask whether it trips, without a clock; every tenth call has failed.

${windowTable(breakers)}

### Memory of one breaker

Bytes on the heap and in buffers after a full collection, each kind in a process of its own. Those in use have had one
call; the peers too, except opossum.

${heapTable(breakers)}
`
