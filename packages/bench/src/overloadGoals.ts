import { allAt, atLeast, atMost, atMostOne, bytes, type Goal, inF, percent, times } from "./goal.js"
import * as results from "./results.js"

const alone = ({ micro }: results.Overload): ReadonlyArray<Goal> =>
  ([
    ["`Bulkhead.protect`, uncontended", "Bulkhead.protect", 6],
    ["`RateLimiter.protect` that need not wait", "RateLimiter.protect", 1.5]
  ] as const).map(([what, name, limit]) => atMost(what, limit, results.ratio(micro, name, "Effect.flatMap"), inF))

const deadline =
  "The deadline is about 4 kB of it: a timer besides that of the attempt, a `FiberRef` and its operations. To set a " +
  "`FiberRef` copies all references of the fiber"

/** Marginal around a promise: the stacks by their names in the suite. */
const pipelines = ({ pipeline, pipelineBytes }: results.Overload): ReadonlyArray<Goal> =>
  ["standard", "standard + limits", "standard + limits, no deadline"].flatMap((stack) => {
    const ours = `${stack} (promise)`
    return [
      atLeast(
        `\`${stack}\`: Effect's own parts over ours`,
        15,
        results.ratio(pipeline, `${stack}, Effect's own parts (promise)`, ours),
        times
      ),
      atLeast(`\`${stack}\`: cockatiel over ours`, 3, results.ratio(pipeline, `${stack}, cockatiel`, ours), times),
      {
        ...atMostOne(`\`${stack}\`: bytes per call`, 6_000, results.marginalBytes(pipelineBytes, ours), bytes),
        cause: deadline
      }
    ]
  })

const overHttp = ({ http }: results.Results): ReadonlyArray<Goal> => {
  const [standard, base] = ["+ layer(standard())", "Effect client"]
  return [
    atMost("client CPU added by `layer(standard())`", 0.2, results.addedShare(http, standard, base), percent),
    atLeast("throughput with `layer(standard())`", 0.9, results.relativeThroughput(http, standard, base), times)
  ]
}

const rate = ({ rates }: results.Overload): Goal =>
  allAt(
    "`RateLimiter` under load: share of the limit, 100 to 10,000 per second",
    [0.98, 1],
    rates.filter(({ kind }) => kind === "RateLimiter").map(({ limit, perSecond }) => perSecond / limit),
    percent
  )

const origins = ({ origins }: results.Overload): ReadonlyArray<Goal> => {
  const ours = Object.entries(origins).filter(([kind]) => kind.startsWith("standard"))
  const most = (of: (one: results.OriginHeap[string]) => number) => Math.max(...ours.map(([, one]) => of(one)))
  return [
    atMostOne(
      "what a client holds after 20,000 origins, over 10,000, its capacity",
      1.1,
      most(({ bytes, bytesWithMore }) => bytesWithMore / bytes),
      times
    ),
    atMostOne("timers and fibers alive after 10,000 origins", 0, most(({ fibers, timers }) => fibers + timers), String)
  ]
}

export const of = (all: results.Results): ReadonlyArray<Goal> => [
  ...alone(all.overload),
  ...pipelines(all.overload),
  ...overHttp(all),
  rate(all.overload),
  ...origins(all.overload)
]
