import type { Scope } from "effect"
import { Context, Effect, Layer, Random } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import { certificate } from "./certificate.js"

export interface Options {
  readonly password?: string
  /** Speaks TLS, with a certificate for `localhost` that its own authority signed. */
  readonly tls?: boolean
  /** What else it is started with. */
  readonly more?: ReadonlyArray<string>
}

/** A `redis-server` of its own on loopback, without persistence: what dies with it is gone. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  readonly ca: string
  /** Kills the process with SIGKILL and waits for its end. */
  readonly kill: Effect.Effect<void>
  /** Starts a new, empty one on the same port. */
  readonly start: Effect.Effect<void>
  /** Sends a command over a connection of its own and returns the answer as it is on the wire. */
  readonly command: (...args: ReadonlyArray<string>) => Effect.Effect<string>
  /** Answers nobody for so long (`CLIENT PAUSE`). */
  readonly pause: (millis: number) => Effect.Effect<void>
  /** The lines of `CLIENT LIST` without that of the asking connection. */
  readonly clients: Effect.Effect<ReadonlyArray<string>>
}

/** Which server the tests are for: `redis-server` of the path, or another one, as Valkey is. */
const binary = process.env["REDIS_SERVER"] ?? "redis-server"

const missing = `${binary} was not found: install the Debian package "redis-server" (apt-get install redis-server)`

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = Net.createServer()
    probe.once("error", () => resolve(false))
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)))
  })

/** Below the range from which outgoing connections take theirs: nobody takes it while the server is down. */
export const freePort: Effect.Effect<number> = Effect.gen(function*() {
  while (true) {
    const port = yield* Random.nextIntBetween(20_000, 32_000)
    if (yield* Effect.promise(() => listens(port))) return port
  }
})

const argumentsOf = (folder: string, port: number, options: Options): ReadonlyArray<string> => {
  const tls = ["--tls-port", String(port), "--port", "0", "--tls-auth-clients", "no"]
  const files = ["--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-ca-cert-file", "ca.pem"]
  return [
    ...["--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no", "--daemonize", "no"],
    ...(options.tls ? [...tls, ...files] : ["--port", String(port)]),
    ...(options.password === undefined ? [] : ["--requirepass", options.password]),
    ...(options.more ?? [])
  ]
}

const running = new Set<ChildProcess>()
const killAll = () => {
  for (const child of running) child.kill("SIGKILL")
}
process.once("exit", killAll)
// A test that hangs is ended by its runner like this, and finalizes nothing.
process.once("SIGTERM", () => {
  killAll()
  process.exit(1)
})

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
  })

const kill = (child: ChildProcess): Effect.Effect<void> =>
  Effect.suspend(() => {
    child.kill("SIGKILL")
    return ended(child)
  })

/** Starts the process and waits until it takes connections. */
const launch = (args: ReadonlyArray<string>): Effect.Effect<ChildProcess> =>
  Effect.async((resume) => {
    const child = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    running.add(child)
    child.once("exit", (code) => {
      running.delete(child)
      resume(Effect.dieMessage(`${binary} ended with ${code}:\n${output}`))
    })
    child.once("error", (error: NodeJS.ErrnoException) => {
      running.delete(child)
      resume(Effect.dieMessage(error.code === "ENOENT" ? missing : error.message))
    })
    child.stderr.on("data", (chunk) => output += chunk)
    child.stdout.on("data", (chunk) => {
      output += chunk
      if (output.includes("Ready to accept connections")) resume(Effect.succeed(child))
    })
  })

const encode = (args: ReadonlyArray<string>): string =>
  `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join("")}`

/** The answers to commands that are sent together, up to the end of the connection, or to what is `enough`. */
const talk = (
  port: number,
  commands: ReadonlyArray<ReadonlyArray<string>>,
  enough?: string
): Effect.Effect<string> =>
  Effect.async((resume) => {
    const socket = Net.connect(port, "127.0.0.1")
    let answer = ""
    socket.on("data", (chunk) => {
      answer += chunk
      if (answer === enough) socket.end(() => resume(Effect.succeed(answer)))
    })
    socket.on("error", (error) => resume(Effect.die(error)))
    socket.on("end", () => resume(Effect.succeed(answer)))
    socket.write([...commands, ["QUIT"]].map(encode).join(""))
  })

export const make = (options: Options = {}): Effect.Effect<RedisServer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "reprise-redis-"))),
      (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true, force: true }))
    )
    const { ca, cert, key } = options.tls ? yield* certificate : { ca: "", cert: "", key: "" }
    if (options.tls) {
      const files = Object.entries({ ca, cert, key })
      for (const [name, text] of files) Fs.writeFileSync(Path.join(folder, `${name}.pem`), text)
    }
    const port = yield* freePort
    const args = argumentsOf(folder, port, options)
    let child: ChildProcess | undefined
    const stop = Effect.suspend(() => child === undefined ? Effect.void : kill(child))
    const start = Effect.map(launch(args), (started) => {
      child = started
    })
    yield* Effect.acquireRelease(start, () => stop)
    const password = options.password
    const command = (...args: ReadonlyArray<string>) =>
      Effect.map(
        talk(port, password === undefined ? [args] : [["AUTH", password], args]),
        (answer) => (password === undefined ? answer : answer.slice("+OK\r\n".length)).slice(0, -"+OK\r\n".length)
      )
    return {
      port,
      url: `${options.tls ? "rediss" : "redis"}://${options.tls ? "localhost" : "127.0.0.1"}:${port}`,
      ca,
      kill: stop,
      start,
      command,
      // The good-bye would be answered after the pause.
      pause: (millis) => Effect.asVoid(talk(port, [["CLIENT", "PAUSE", String(millis)]], "+OK\r\n")),
      clients: Effect.map(command("CLIENT", "LIST"), (answer) =>
        answer.split("\n").filter((line) => line.startsWith("id=") && !line.includes("cmd=client|list")))
    }
  })

/** One server for many tests, each of which empties it with `fresh`. */
export class Shared extends Context.Tag("test/RedisServer")<Shared, RedisServer>() {
  static readonly layer = Layer.scoped(Shared, make())
}

/** The shared server, as if it had just been started. */
export const fresh: Effect.Effect<RedisServer, never, Shared> = Effect.tap(Shared, ({ command }) =>
  Effect.all([
    command("FLUSHALL"),
    command("SCRIPT", "FLUSH"),
    command("CONFIG", "RESETSTAT"),
    command("CONFIG", "SET", "maxmemory", "0")
  ]))
