import type { Scope } from "effect"
import { Effect } from "effect"
import * as Esbuild from "esbuild"
import { type ChildProcess, fork } from "node:child_process"
import * as Fs from "node:fs/promises"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import type { RedisServer } from "../support/redisServer.js"
import type { Command, Options, Report } from "./protocol.js"

/** What the fleet calls: a server that answers as it is told, and counts. */
export interface Dependency {
  readonly url: string
  /** With which status it answers, and after how long; or when it is told to. */
  answer: { readonly status: number; readonly millis: number } | "held"
  /** Answers those that are held. */
  readonly release: (status: number) => void
  requests: number
}

export const dependency: Effect.Effect<Dependency, never, Scope.Scope> = Effect.gen(function*() {
  const held: Array<Http.ServerResponse> = []
  const self: { -readonly [K in keyof Dependency]: Dependency[K] } = {
    url: "",
    answer: { status: 200, millis: 0 },
    release: (status) => {
      for (const response of held.splice(0)) response.writeHead(status).end()
    },
    requests: 0
  }
  const server = Http.createServer((_, response) => {
    self.requests++
    if (self.answer === "held") return void held.push(response)
    const { millis, status } = self.answer
    setTimeout(() => response.writeHead(status).end(), millis)
  })
  yield* Effect.acquireRelease(
    Effect.async<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.async<void>((resume) => {
        server.closeAllConnections()
        server.close(() => resume(Effect.void))
      })
  )
  self.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return self
})

/** A process of the fleet. */
export interface Member {
  readonly call: Effect.Effect<string>
  readonly report: Effect.Effect<Report>
  readonly reset: Effect.Effect<void>
  /** So many callers, each of which calls again after a pause, until `stop`. */
  readonly start: (callers: number, pauseMillis: number) => Effect.Effect<void>
  readonly stop: Effect.Effect<void>
  /** SIGKILL. */
  readonly kill: Effect.Effect<void>
}

const running = new Set<ChildProcess>()
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

const outfile = fileURLToPath(new URL("../../build/fleet/worker.mjs", import.meta.url))
/** Another test file may be starting processes of it while this one writes it. */
const own = `${outfile}.${process.pid}`
let compiled: Promise<unknown> | undefined

/** Once: eight processes that compile TypeScript at the same time take longer than all of the tests. */
const compile = (): Promise<unknown> =>
  compiled ??= Esbuild.build({
    entryPoints: [fileURLToPath(new URL("worker.ts", import.meta.url))],
    outfile: own,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["redis", "ioredis"],
    logLevel: "error"
  }).then(() => Fs.rename(own, outfile))

const defaults: Omit<Options, "redis" | "dependency"> = {
  library: "redis",
  key: "payments",
  failures: 1,
  openMillis: 60_000,
  probes: 1,
  leaseMillis: 30_000,
  timeoutMillis: 250,
  skewMillis: 0
}

/** Starts a process, and waits until it is ready. */
export const member = (
  options: Partial<Options> & Pick<Options, "redis" | "dependency">
): Effect.Effect<Member, never, Scope.Scope> =>
  Effect.gen(function*() {
    yield* Effect.promise(compile)
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => fork(outfile, [JSON.stringify({ ...defaults, ...options })])),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    running.add(child)
    child.once("exit", () => running.delete(child))
    const answers = new Map<number, (value: unknown) => void>()
    child.on("message", ({ id, value }: { readonly id: number; readonly value: unknown }) => answers.get(id)?.(value))
    const answer = <A>(id: number) =>
      Effect.async<A>((resume) => {
        answers.set(id, (value) => resume(Effect.succeed(value as A)))
      })
    let ids = 0
    const ask = <A>(command: Omit<Command, "id">): Effect.Effect<A> =>
      Effect.suspend(() => {
        const id = ++ids
        const answered = answer<A>(id)
        child.send({ ...command, id })
        return answered
      })
    const ended = Effect.async<never>((resume) => {
      child.once("exit", (code, signal) => resume(Effect.dieMessage(`the process ended with ${signal ?? code}`)))
    })
    yield* Effect.raceFirst(answer(0), ended)
    return {
      call: ask<string>({ do: "call" }),
      report: ask<Report>({ do: "report" }),
      reset: ask<void>({ do: "reset" }),
      start: (callers, pauseMillis) => ask<void>({ do: "start", callers, pauseMillis } as Omit<Command, "id">),
      stop: ask<void>({ do: "stop" }),
      kill: Effect.sync(() => void child.kill("SIGKILL"))
    }
  })

export const members = (n: number, options: Parameters<typeof member>[0]) =>
  Effect.all(Array.from({ length: n }, (_, i) => member({ library: i % 2 === 0 ? "redis" : "ioredis", ...options })), {
    concurrency: "unbounded"
  })

/** Asks until the answer is as it should be, and how long that took; what it was last after so many milliseconds. */
export const eventually = <A, E>(ask: Effect.Effect<A, E>, is: (answer: A) => boolean, withinMillis = 5_000) =>
  Effect.gen(function*() {
    const start = performance.now()
    while (true) {
      const answer = yield* ask
      const millis = performance.now() - start
      if (is(answer)) return millis
      if (millis > withinMillis) {
        return yield* Effect.dieMessage(`after ${withinMillis} ms still ${JSON.stringify(answer)}`)
      }
      yield* Effect.sleep("10 millis")
    }
  })

export const states = (all: ReadonlyArray<Member>) =>
  Effect.forEach(all, ({ report }) => Effect.map(report, ({ state }) => state), { concurrency: "unbounded" })

/** All of them are in this state. */
export const agree = (all: ReadonlyArray<Member>, state: string, withinMillis?: number) =>
  eventually(states(all), (now) => now.every((one) => one === state), withinMillis)

/** All of them hear what the others tell. */
export const joined = ({ clients }: RedisServer, all: ReadonlyArray<Member>) =>
  eventually(clients, (lines) => lines.filter((line) => line.includes(" sub=1 ")).length === all.length)
