import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as Net from "node:net"

const freePort: Effect.Effect<number> = Effect.async((resume) => {
  const probe = Net.createServer()
  probe.listen(0, "127.0.0.1", () => {
    const { port } = probe.address() as Net.AddressInfo
    probe.close(() => resume(Effect.succeed(port)))
  })
})

export class NotInstalled {
  readonly _tag = "NotInstalled"
}

const launch = (port: number): Effect.Effect<ChildProcess, NotInstalled> =>
  Effect.async((resume) => {
    const place = ["--bind", "127.0.0.1", "--port", String(port)]
    const child = spawn("redis-server", [...place, "--save", "", "--appendonly", "no"], {
      stdio: ["ignore", "pipe", "ignore"]
    })
    child.once("error", () => resume(Effect.fail(new NotInstalled())))
    child.once("exit", () => resume(Effect.dieMessage("redis-server has ended")))
    child.stdout.on("data", (chunk) => {
      if (String(chunk).includes("Ready to accept connections")) resume(Effect.succeed(child))
    })
  })

/** The URL of a `redis-server` of its own, which keeps nothing and ends with the scope. */
export const redisServer: Effect.Effect<string, NotInstalled, Scope.Scope> = Effect.gen(function*() {
  const port = yield* freePort
  yield* Effect.acquireRelease(launch(port), (child) => Effect.sync(() => child.kill("SIGKILL")))
  return `redis://127.0.0.1:${port}`
})
