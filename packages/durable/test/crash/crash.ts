/** Kills processes that run durable calls, until they are done, and checks all that the server and they have seen. */
import { assert } from "@effect/vitest"
import * as Esbuild from "esbuild"
import { type ChildProcess, fork } from "node:child_process"
import * as Fs from "node:fs/promises"
import { fileURLToPath } from "node:url"
import type { Message, Options } from "./protocol.js"
import * as Server from "./server.js"

type Done = Extract<Message, { readonly _tag: "Done" }>

export interface Setup {
  /** The program of a process, in this folder. */
  readonly worker: string
  readonly database: string
  /** The ports of the runners; none for one runner alone. */
  readonly ports: ReadonlyArray<number>
  readonly kills: number
  /** New calls at each start. */
  readonly callsPerStart: number
  readonly inMemoryMillis: number
  /** Called at random moments between two kills. */
  readonly disturb?: () => Promise<void>
  /** From 0 to 1. */
  readonly random: () => number
}

export interface Outcome {
  readonly kills: number
  readonly calls: number
  readonly requests: number
  readonly seconds: number
  /** How late the latest attempt was after its time and after the last process was ready, in milliseconds. */
  readonly latestMillis: number
}

const running = new Set<ChildProcess>()
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

const outfile = (worker: string) => fileURLToPath(new URL(`../../build/crash/${worker}.mjs`, import.meta.url))

const compile = async (worker: string): Promise<string> => {
  const own = outfile(`${worker}.${process.pid}`)
  await Esbuild.build({
    entryPoints: [fileURLToPath(new URL(`${worker}.ts`, import.meta.url))],
    outfile: own,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["effect", "@effect/*"],
    logLevel: "error"
  })
  await Fs.rename(own, outfile(worker))
  return outfile(worker)
}

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const kill = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once("exit", () => resolve())
    child.kill("SIGKILL")
  })

class Run {
  readonly pending = new Set<string>()
  readonly done = new Map<string, Done>()
  readonly readyMillis: Array<number> = []
  readonly failures: Array<string> = []
  readonly ready = new Map<ChildProcess, Promise<void>>()
  private calls = 0
  private waiters: Array<() => void> = []

  constructor(readonly setup: Setup, readonly server: Server.PaymentServer, readonly program: string) {}

  start(port: number | undefined): ChildProcess {
    const { callsPerStart, database, inMemoryMillis } = this.setup
    for (let i = 0; i < callsPerStart; i++) this.pending.add(`call-${++this.calls}`)
    return this.spawn({ url: this.server.url, database, port, ids: [...this.pending], inMemoryMillis })
  }

  /** Without new calls. */
  finish(port: number | undefined): ChildProcess {
    const { database, inMemoryMillis } = this.setup
    return this.spawn({ url: this.server.url, database, port, ids: [...this.pending], inMemoryMillis })
  }

  private spawn(options: Options): ChildProcess {
    const child = fork(this.program, [JSON.stringify(options)], { stdio: ["ignore", "inherit", "inherit", "ipc"] })
    running.add(child)
    child.once("exit", () => running.delete(child))
    child.on("message", (message: Message) => this.receive(message))
    this.ready.set(child, new Promise((resolve) => child.once("message", () => resolve())))
    return child
  }

  private receive(message: Message): void {
    if (message._tag === "Ready") this.readyMillis.push(Date.now())
    if (message._tag === "Failed") this.failures.push(`${message.id}: ${message.why}`)
    if (message._tag === "Done") {
      this.done.set(message.id, message)
      this.pending.delete(message.id)
    }
    if (this.pending.size === 0) { for (const wake of this.waiters.splice(0)) wake() }
  }

  all(limitMillis: number): Promise<void> {
    if (this.pending.size === 0) return Promise.resolve()
    return Promise.race([new Promise<void>((resolve) => this.waiters.push(resolve)), sleep(limitMillis)])
  }
}

/** The first moment at or after `atMillis` at which a process has been there for the time that it needs. */
const expected = (starts: ReadonlyArray<number>, dueMillis: number, sentMillis: number): number =>
  Math.max(dueMillis, ...starts.filter((start) => start <= sentMillis))

/** The failures after which the server need not have seen the request. */
const unsent = ["AttemptTimeout", "ConnectFailure", "ConnectionLost", "UnknownNetwork"]

const check = ({ done, failures, pending, server, readyMillis }: Run): number => {
  assert.strictEqual(failures.join("\n"), "", "calls that failed")
  assert.deepStrictEqual([...pending], [], "calls that did not end")
  let latestMillis = 0
  for (const [id, { body, key, lines }] of done) {
    const requests = server.requests.filter((request) => request.id === id)
    assert.deepStrictEqual([...new Set(requests.map(({ key }) => key))], [key], `one key for ${id}`)
    assert.strictEqual(server.charges.get(id), 1, `${id} is charged once`)
    assert.strictEqual(body, "charged 1")
    assert.deepStrictEqual(lines.map(({ number }) => number), lines.map((_, index) => index + 1))
    const numbers = requests.map(({ attempt }) => attempt)
    assert.deepStrictEqual(numbers, [...numbers].sort((a, b) => a - b), `attempts of ${id} are numbered on`)
    // A busy machine may end an attempt before the server has it. Then its line says so.
    const unseen = lines.filter(({ number }) => !numbers.includes(number))
    for (const { failure } of unseen) {
      assert.include(unsent, failure?.tag, `an attempt of ${id} is not one of the server`)
    }
    assert.isAtMost(Math.max(...numbers), lines.length)
    for (const { delayMillis, durationMillis, number, startMillis } of lines.slice(0, -1)) {
      const dueMillis = startMillis + durationMillis + delayMillis!
      const first = requests.find(({ attempt }) => attempt === number + 1)
      if (first === undefined) continue
      assert.isAtLeast(first.atMillis - dueMillis, -1_000, `the wait after attempt ${number} of ${id} is not cut short`)
      latestMillis = Math.max(latestMillis, first.atMillis - expected(readyMillis, dueMillis, first.atMillis))
    }
  }
  return latestMillis
}

/** Kills a process at a random moment, as often as the setup says, and lets the last ones finish. */
export const run = async (setup: Setup): Promise<Outcome> => {
  const program = await compile(setup.worker)
  const beganMillis = Date.now()
  const server = await Server.start()
  const self = new Run(setup, server, program)
  const ports = setup.ports.length === 0 ? [undefined] : setup.ports
  const children = ports.map((port) => self.start(port))
  try {
    for (let kills = 0; kills < setup.kills; kills++) {
      const index = Math.floor(setup.random() * children.length)
      // Some die while they start. A busy machine must not make that all of them.
      if (setup.random() < 0.9) await Promise.race([self.ready.get(children[index]!), sleep(30_000)])
      await sleep(setup.random() * 600)
      await setup.disturb?.()
      await sleep(setup.random() * 600)
      await kill(children[index]!)
      children[index] = kills + 1 < setup.kills ? self.start(ports[index]) : self.finish(ports[index])
    }
    await self.all(120_000 + setup.kills * 1_000)
    const latestMillis = check(self)
    return {
      kills: setup.kills,
      calls: self.done.size,
      requests: server.requests.length,
      seconds: (Date.now() - beganMillis) / 1_000,
      latestMillis
    }
  } finally {
    await Promise.all(children.map(kill))
    await server.close()
  }
}
