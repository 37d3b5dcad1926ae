/** Starts the API in a process of its own, and talks to it. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Command, Ready, Report } from "./server.js"

export class ApiDied extends Data.TaggedError("ApiDied")<{ readonly code: number | null }> {
  override get message(): string {
    return `The payment API ended by itself (exit code ${this.code}); what it wrote is above.`
  }
}

export interface Api extends Ready {
  readonly tell: (command: Exclude<Command, "report">) => Effect.Effect<void, ApiDied>
  readonly report: Effect.Effect<Report, ApiDied>
}

/** Starts the API; closing the scope ends its process. */
export const start = (seed: string, total: number): Effect.Effect<Api, ApiDied, Scope.Scope> =>
  Effect.gen(function*() {
    const child = yield* Effect.acquireRelease(spawn(seed, total), end)
    const ready = (yield* nextMessage(child)) as Ready
    // One question at a time: the next message is its answer.
    const turn = yield* Effect.makeSemaphore(1)
    const ask = (command: Command) => turn.withPermits(1)(nextMessage(child, () => child.send(command)))
    return {
      ...ready,
      tell: (command) => Effect.asVoid(ask(command)),
      report: Effect.map(ask("report"), (report) => report as Report)
    }
  })

const spawn = (seed: string, total: number) =>
  Effect.sync(() =>
    fork(fileURLToPath(new URL("./server.ts", import.meta.url)), [seed, String(total)], {
      execArgv: ["--import", "tsx"],
      cwd: fileURLToPath(new URL("../..", import.meta.url))
    })
  )

const end = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGTERM")
  })

/** The next message, after `begin`. */
const nextMessage = (child: ChildProcess, begin?: () => void): Effect.Effect<unknown, ApiDied> =>
  Effect.async((resume) => {
    const onMessage = (message: unknown) => {
      child.off("exit", onExit)
      resume(Effect.succeed(message))
    }
    const onExit = (code: number | null) => {
      child.off("message", onMessage)
      resume(Effect.fail(new ApiDied({ code })))
    }
    child.once("message", onMessage)
    child.once("exit", onExit)
    begin?.()
    return Effect.sync(() => {
      child.off("message", onMessage)
      child.off("exit", onExit)
    })
  })
