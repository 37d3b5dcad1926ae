/** A payment run whose process is killed and started again, until every order has ended. */
import type { ServeError } from "@effect/platform/HttpServerError"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, fork } from "node:child_process"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { now } from "../now.js"
import * as Bank from "./Bank.effect3.js"
import type { Ended, Options as WorkerOptions } from "./worker.effect3.js"

export interface Options {
  readonly seed: string
  readonly orders: number
  readonly kills: number
  readonly tell: (line: string) => Effect.Effect<void>
}

export interface Result {
  readonly orders: ReadonlyArray<string>
  readonly kills: number
  readonly startMillis: number
  readonly endMillis: number
  readonly requests: ReadonlyArray<Bank.Request>
  readonly charges: ReadonlyMap<string, number>
  /** By order. */
  readonly ended: ReadonlyMap<string, Ended>
}

export class WorkerDied extends Data.TaggedError("WorkerDied")<{ readonly code: number | null }> {
  override get message(): string {
    return `The process of the payment run ended by itself (exit code ${this.code}); what it wrote is above.`
  }
}

interface Worker {
  readonly kill: Effect.Effect<void>
  /** Fails if the process ends by itself before it has paid all orders. */
  readonly exit: Effect.Effect<void, WorkerDied>
}

const folder = Effect.acquireRelease(
  Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "reprise-demo-"))),
  (folder) => Effect.promise(() => Fs.rm(folder, { recursive: true, force: true }))
)

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

const kill = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (hasEnded(child)) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGKILL")
  })

const exit = (child: ChildProcess): Effect.Effect<void, WorkerDied> =>
  Effect.async((resume) => {
    const end = () => resume(child.exitCode === 0 ? Effect.void : Effect.fail(new WorkerDied({ code: child.exitCode })))
    if (hasEnded(child)) return end()
    child.once("exit", end)
    return Effect.sync(() => void child.off("exit", end))
  })

/** Starts a process of the run, which ends with the scope. */
const start = (
  options: WorkerOptions,
  onEnded: (ended: Ended) => void
): Effect.Effect<Worker, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() =>
      fork(fileURLToPath(new URL("./worker.effect3.ts", import.meta.url)), [JSON.stringify(options)], {
        execArgv: ["--import", "tsx"],
        cwd: fileURLToPath(new URL("../..", import.meta.url))
      })
    ),
    kill
  ).pipe(Effect.map((child) => {
    child.on("message", (message) => onEnded(message as Ended))
    return { kill: kill(child), exit: exit(child) }
  }))

/** Lets a process pay until the given number of orders has ended and a charge has no answer yet. Then kills it. */
const untilKilled = (worker: Worker, bank: Bank.Bank, isTime: () => boolean): Effect.Effect<void, WorkerDied> => {
  const worstMoment = Effect.map(bank.unanswered, (unanswered) => isTime() && unanswered > 0)
  const reached = Effect.repeat(Effect.delay(worstMoment, "2 millis"), { until: (reached) => reached })
  return Effect.raceFirst(worker.exit, reached).pipe(
    Effect.zipRight(bank.killed),
    Effect.zipRight(worker.kill)
  )
}

const numbered = (count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `order-${index + 1}`)

/** Runs the payments, and kills their process as often as the options say. */
export const run = (options: Options): Effect.Effect<Result, WorkerDied | ServeError> =>
  Effect.scoped(Effect.gen(function*() {
    const { kills, seed, tell } = options
    const orders = numbered(options.orders)
    const bank = Bank.make(seed)
    const server = yield* FaultServer.make({ always: bank.answer, keep: 1 })
    const database = Path.join(yield* folder, "engine.sqlite")
    const ended = new Map<string, Ended>()
    const startMillis = now()
    const say = (line: string) => tell(`${((now() - startMillis) / 1_000).toFixed(1).padStart(5)} s  ${line}`)

    for (let number = 1; number <= kills + 1; number++) {
      const rest = orders.length - ended.size
      yield* say(`process ${number} starts. ${ended.size} of ${orders.length} payments have ended`)
      const worker = yield* start({ database, url: server.url, orders, process: number }, (one) => {
        ended.set(one.order, one)
      })
      if (number > kills) {
        yield* worker.exit
        continue
      }
      // The kills leave work for the last process.
      const enough = ended.size + Math.ceil(rest / (kills + 2 - number))
      yield* untilKilled(worker, bank, () => ended.size >= enough)
      yield* say(`process ${number} is killed (SIGKILL): the bank has charged, and its answer is not sent`)
    }
    yield* say(`all ${ended.size} payments have ended`)
    const { charges, requests } = bank
    return { orders, kills, startMillis, endMillis: now(), requests, charges, ended }
  }))
