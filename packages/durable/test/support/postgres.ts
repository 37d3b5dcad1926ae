/** A PostgreSQL of its own on loopback, in a folder that goes with it. It cannot run as root: then it runs as `nobody`. */
import { ClusterWorkflowEngine, RunnerAddress } from "@effect/cluster"
import { NodeClusterSocket } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import type { WorkflowEngine } from "@effect/workflow"
import { Duration, Effect, Layer, Option, Redacted } from "effect"
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"

/** Debian keeps the programs of each version in a folder of its own. */
const versions = "/usr/lib/postgresql"

const folderOfPrograms = (): string => {
  const found = Fs.existsSync(versions)
    ? Fs.readdirSync(versions).map((version) => Path.join(versions, version, "bin"))
    : []
  const folder = found.filter((folder) => Fs.existsSync(Path.join(folder, "postgres"))).sort().at(-1)
  if (folder !== undefined) return folder
  throw new Error("PostgreSQL was not found: install the Debian package \"postgresql\" (apt-get install postgresql)")
}

const idOf = (flag: "-u" | "-g"): number => Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }))

const user = () => process.getuid?.() === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : {}

/** A port that nobody has at the moment. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = Net.createServer()
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as Net.AddressInfo
      probe.close(() => resolve(port))
    })
  })

const running = new Set<ChildProcess>()
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

const launch = (programs: string, folder: string, port: number): Promise<ChildProcess> =>
  new Promise((resolve, reject) => {
    const options = ["-h", "127.0.0.1", "-p", String(port), "-k", folder, "-c", "fsync=off", "-c", "max_connections=50"]
    const child = spawn(Path.join(programs, "postgres"), ["-D", Path.join(folder, "data"), ...options], {
      ...user(),
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"]
    })
    let output = ""
    running.add(child)
    child.once("exit", (code) => {
      running.delete(child)
      reject(new Error(`postgres ended with ${code}:\n${output}`))
    })
    child.stderr.on("data", (chunk) => {
      output = (output + chunk).slice(-10_000)
      if (output.includes("ready to accept connections")) resolve(child)
    })
  })

const start = async () => {
  const programs = folderOfPrograms()
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "reprise-postgres-"))
  const { gid, uid } = user()
  if (uid !== undefined && gid !== undefined) Fs.chownSync(folder, uid, gid)
  const made = spawnSync(Path.join(programs, "initdb"), [
    "-D",
    Path.join(folder, "data"),
    "-U",
    "test",
    "-A",
    "trust",
    "-N"
  ], {
    ...user(),
    cwd: folder,
    encoding: "utf8"
  })
  if (made.status !== 0) throw new Error(`initdb failed:\n${made.stderr}`)
  const port = await freePort()
  const child = await launch(programs, folder, port)
  return { url: `postgres://test@127.0.0.1:${port}/postgres`, child, folder }
}

/** The URL of a server that runs while the scope is open. */
export const server = Effect.map(
  Effect.acquireRelease(
    Effect.promise(start),
    ({ child, folder }) =>
      Effect.promise(() =>
        new Promise<void>((resolve) => {
          child.once("exit", () => {
            Fs.rmSync(folder, { recursive: true, force: true })
            resolve()
          })
          child.kill("SIGQUIT")
        })
      )
  ),
  ({ url }) => url
)

/** Ends all other connections to the server, as a failover does. */
export const dropConnections = (url: string): Effect.Effect<void> =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql`select pg_terminate_backend(pid) from pg_stat_activity
      where pid <> pg_backend_pid() and backend_type = 'client backend'`).pipe(
      Effect.asVoid,
      Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 })),
      Effect.orDie
    )

/** An engine of one runner. */
export const engine: Layer.Layer<WorkflowEngine.WorkflowEngine> = Layer.unwrapScoped(Effect.gen(function*() {
  const url = Redacted.make(yield* server)
  const port = yield* Effect.promise(freePort)
  const address = Option.some(RunnerAddress.make("127.0.0.1", port))
  return ClusterWorkflowEngine.layer.pipe(
    Layer.provideMerge(NodeClusterSocket.layer({
      storage: "sql",
      shardingConfig: {
        runnerAddress: address,
        runnerListenAddress: address,
        entityMessagePollInterval: Duration.millis(200),
        entityReplyPollInterval: Duration.millis(100)
      }
    })),
    Layer.provide(PgClient.layer({ url, maxConnections: 5 })),
    Layer.orDie
  )
}))
