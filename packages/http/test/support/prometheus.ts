import { Effect } from "effect"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"

export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [seconds: number, value: string]
}

/** A Prometheus of its own on loopback that scrapes one page each second. */
export interface Prometheus {
  /** The result of a query: its series. Dies with the message of Prometheus if the query is wrong. */
  readonly query: (expr: string) => Effect.Effect<ReadonlyArray<Series>>
  /** The alerts of the rule file: name and expression. */
  readonly alerts: Effect.Effect<ReadonlyArray<readonly [name: string, expr: string]>>
}

const listening = (server: Net.Server | Http.Server) =>
  Effect.async<number>((resume) => {
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
  })

const freePort = Effect.acquireUseRelease(
  Effect.sync(() => Net.createServer()),
  listening,
  (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
)

/** Serves one page on loopback, and returns its host and port. */
export const serve = (handler: Http.RequestListener) =>
  Effect.gen(function*() {
    const server = yield* Effect.acquireRelease(
      Effect.sync(() => Http.createServer(handler)),
      (server) => Effect.sync(() => server.close().closeAllConnections())
    )
    return `127.0.0.1:${yield* listening(server)}`
  })

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "reprise-prometheus-"))),
  (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true, force: true }))
)

const configuration = (target: string, rules: string) => `
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [${JSON.stringify(rules)}]
scrape_configs: [{ job_name: reprise, static_configs: [{ targets: [${JSON.stringify(target)}] }] }]
`

const stopped = (child: ChildProcess) =>
  Effect.async<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGKILL")
  })

const running = new Set<ChildProcess>()
// A test that is cut short finalizes nothing.
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")))

const launch = (args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.async<ChildProcess>((resume) => {
      const child = spawn("prometheus", args, { stdio: "ignore" })
      child.once("error", () =>
        resume(Effect.dieMessage("prometheus was not found: install the Debian package \"prometheus\"")))
      child.once("spawn", () =>
        resume(Effect.succeed(child)))
    }),
    stopped
  )

/** What `promtool` says of a rule file, and whether it is right. */
export const checkRules = (path: string): readonly [isRight: boolean, output: string] => {
  const { status, stderr, stdout } = spawnSync("promtool", ["check", "rules", path], { encoding: "utf8" })
  return [status === 0, `${stdout}${stderr}`]
}

/** Starts it, and ends it with the scope. */
export const make = (target: string, rules: string) =>
  Effect.gen(function*() {
    const folder = yield* temporaryFolder
    const config = Path.join(folder, "prometheus.yml")
    Fs.writeFileSync(config, configuration(target, rules))
    const port = yield* freePort
    yield* launch([
      `--config.file=${config}`,
      `--storage.tsdb.path=${Path.join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`
    ])
    const get = <A>(path: string) =>
      Effect.promise(async () => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`)
        const text = await response.text()
        if (!response.ok) throw new Error(`${decodeURIComponent(path)}: ${text}`)
        return (JSON.parse(text) as { readonly data: A }).data
      })
    yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/-/ready`).then(({ ok }) => ok, () => false)).pipe(
      Effect.delay("50 millis"),
      Effect.repeat({ until: (isReady) => isReady })
    )
    interface Rules {
      readonly groups: ReadonlyArray<
        { readonly rules: ReadonlyArray<{ readonly name: string; readonly query: string }> }
      >
    }
    const prometheus: Prometheus = {
      query: (expr) =>
        Effect.map(
          get<{ readonly result: ReadonlyArray<Series> }>(`/api/v1/query?query=${encodeURIComponent(expr)}`),
          ({ result }) => result
        ),
      alerts: Effect.map(
        get<Rules>("/api/v1/rules"),
        ({ groups }) => groups.flatMap(({ rules }) => rules.map(({ name, query }) => [name, query] as const))
      )
    }
    return prometheus
  })
