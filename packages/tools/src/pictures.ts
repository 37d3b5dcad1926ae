/**
 * `pnpm pictures`: draws the pictures of the guides from real runs, into `docs/images`.
 */
import * as HttpResilience from "@reprise/http/HttpResilience"
import * as HttpRetry from "@reprise/http/HttpRetry"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import * as Simulation from "@reprise/testing/Simulation"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Backoff from "reprise/Backoff"
import * as Tripping from "reprise/Tripping"
import { arrow, box, chart, type Curve, svg, text, width } from "./pictures/svg.js"
import { root } from "./workspace.js"

const states = svg(
  230,
  "The states of a circuit breaker",
  "Closed trips to open, open becomes half-open, probes close it",
  [
    box(40, 90, 130, 50, "Closed"),
    box(295, 90, 130, 50, "Open"),
    box(550, 90, 130, 50, "HalfOpen"),
    box(295, 175, 130, 40, "Isolated"),
    arrow("M170 105 H293"),
    text(232, 95, "trip", "small", "middle"),
    arrow("M425 105 H548"),
    text(487, 95, "open time is over", "small", "middle"),
    arrow("M550 128 H427"),
    text(487, 146, "a probe fails", "small", "middle"),
    arrow("M615 90 C615 20 105 20 105 88"),
    text(360, 32, "enough probes succeed", "small", "middle"),
    arrow("M105 140 C105 195 200 195 293 195"),
    text(150, 210, "isolate, and release again", "small", "middle")
  ]
)

/** From the outside in, as `docs/http.md` lists them. */
const stages = [
  "deadline of the call",
  "retries with a budget",
  "hedge",
  "your own policies",
  "Retry-After gate",
  "circuit breaker",
  "bulkhead and limits",
  "attempt timeout",
  "the client below"
]

const order = svg(
  44 + stages.length * 34,
  "The order of the stages",
  stages.join(", then "),
  stages.flatMap((label, i) => [
    `<rect class="box" x="${20 + i * 16}" y="${16 + i * 34}" width="${width - 40 - i * 32}" height="30" rx="6"/>`,
    text(34 + i * 16, 36 + i * 34, label)
  ])
)

const base = Backoff.exponential("500 millis")

const jitters = {
  "no jitter": base,
  "equal jitter": Backoff.equalJitter(base),
  "full jitter": Backoff.fullJitter(base),
  "decorrelated": Backoff.decorrelated({ base: "500 millis", cap: "20 seconds" })
}

/** The first four delays of many runs of a schedule. */
const delays = (schedule: Schedule.Schedule<Duration.Duration>) =>
  Effect.map(
    Effect.replicateEffect(Schedule.run(Schedule.delays(schedule), 0, [1, 2, 3, 4]), 80),
    (runs) => runs.map((run) => Array.from(run, (delay) => Duration.toMillis(delay)))
  )

const jitterPicture = Effect.gen(function*() {
  const rows: Array<string> = []
  const x = (millis: number) => 130 + millis * (width - 150) / 6_000
  for (const [i, [name, schedule]] of Object.entries(jitters).entries()) {
    const y = 50 + i * 60
    rows.push(text(16, y + 5, name), `<line class="line" x1="130" x2="${width - 20}" y1="${y}" y2="${y}"/>`)
    for (const run of yield* delays(schedule)) {
      const shift = yield* Random.nextRange(-16, 16)
      run.forEach((millis, retry) => {
        if (millis <= 6_000) {
          rows.push(
            `<circle class="dot ${"abc"[retry % 3]}" cx="${x(millis).toFixed(0)}" cy="${
              (y + shift).toFixed(0)
            }" r="2.5"/>`
          )
        }
      })
    }
  }
  for (let second = 0; second <= 6; second++) rows.push(text(x(second * 1_000), 290, `${second} s`, "small", "middle"))
  const title = "The delays before the first four retries, 80 calls each"
  return svg(305, title, "Without jitter all calls retry at the same moments; with jitter they spread", [
    text(16, 24, title, "title"),
    ...rows
  ])
})

const outage = { kind: "stall", at: "20 seconds", duration: "10 seconds" } as const

const attempts = (policy: Simulation.Options["policy"], server?: Simulation.Options["server"]) =>
  Effect.map(
    Simulation.run({ clients: 50, capacity: 100, load: 0.8, duration: "70 seconds", outage, policy, server, seed: 1 }),
    ({ seconds }) => seconds
  )

const compared = (
  title: string,
  description: string,
  max: number,
  curves: ReadonlyArray<Omit<Curve, "values"> & { readonly seconds: ReadonlyArray<Simulation.Second> }>
): string =>
  svg(330, title, description, [
    text(16, 24, title, "title"),
    ...chart({
      top: 62,
      height: 200,
      max,
      unit: "requests per second; the server serves 100, and is stuck from 20 s to 30 s",
      curves: curves.map(({ kind, label, seconds }) => ({
        kind,
        label,
        values: seconds.map(({ attempts }) => attempts)
      }))
    })
  ])

const retry = HttpRetry.exponential({ attempts: 4, base: "100 millis" })

const budgets = Effect.gen(function*() {
  const limits = { retry, attemptTimeout: "1 second" } as const
  const without = yield* attempts(ResilientHttpClient.make(limits))
  const budgeted = yield* attempts((server) =>
    ResilientHttpClient.make({ ...limits, budget: HttpRetry.budget({ ratio: 0.1, minPerSecond: 0.1 }) })(server)
  )
  const standard = yield* attempts((server) =>
    ResilientHttpClient.make(ResilientHttpClient.standard({ attemptTimeout: "1 second" }))(server)
  )
  return compared(
    "An outage of 10 s",
    "Retries alone keep the server down; a budget and a breaker let it recover",
    400,
    [
      { kind: "b", label: "retries alone", seconds: without },
      { kind: "a", label: "with a budget", seconds: budgeted },
      { kind: "c", label: "standard()", seconds: standard }
    ]
  )
})

const ramps = Effect.gen(function*() {
  const breaker = (ramp?: Schedule.Schedule<number>) =>
    attempts(
      (server) =>
        HttpResilience.circuitBreaker({ trip: Tripping.consecutive(5), openFor: "2 seconds", ramp })(
          HttpResilience.attemptTimeout(server, "1 second")
        ),
      { abandoned: "skip" }
    )
  const ramp = Schedule.spaced("2 seconds").pipe(Schedule.map((n) => Math.min((n + 1) / 5, 1)))
  return compared("Recovery with and without a ramp", "With a ramp the load comes back in steps", 200, [
    { kind: "b", label: "breaker", seconds: yield* breaker() },
    { kind: "a", label: "breaker with a ramp", seconds: yield* breaker(ramp) }
  ])
})

const folder = Path.join(root, "docs/images")

const write = (name: string, picture: string) =>
  Effect.sync(() => Fs.writeFileSync(Path.join(folder, `${name}.svg`), picture))

const program = Effect.all([
  write("breaker-states", states),
  write("stages", order),
  Effect.flatMap(jitterPicture, (picture) => write("jitter", picture)),
  Effect.flatMap(budgets, (picture) => write("outage", picture)),
  Effect.flatMap(ramps, (picture) => write("ramp", picture))
])

await Effect.runPromise(Effect.withRandom(program, Random.make("pictures")))
