import { fork } from "node:child_process"
import { once } from "node:events"
import { performance } from "node:perf_hooks"
import * as harness from "../harness.js"
import * as quiet from "../quiet.js"
import * as stats from "../stats.js"
import * as httpClients from "../suites/httpClients.js"
import { report } from "./report.js"

/** One sample of one client; the same index is the same round in every client. */
export interface HttpSample {
  /** User and system time of this process, its garbage collecting threads included. */
  readonly cpuMicros: number
  readonly wallMicros: number
}

const concurrency = 50
const [rounds, requests] = process.argv.slice(2).map(Number) as [number, number]

const server = fork(new URL("server.js", import.meta.url))
const [{ url }] = await once(server, "message") as [{ readonly url: string }]
const { clients, close } = await httpClients.make(url)

const sample = async (client: httpClients.Client): Promise<HttpSample> => {
  harness.minorGc()
  const start = performance.now()
  const cpu = process.cpuUsage()
  await client.run(requests, concurrency)
  const used = process.cpuUsage(cpu)
  return {
    cpuMicros: (used.user + used.system) / requests,
    wallMicros: (performance.now() - start) * 1_000 / requests
  }
}

quiet.warmProbe()
const noise = quiet.makeNoise()
for (const client of stats.shuffled(clients)) await client.run(requests, concurrency)
const samples: Record<string, Array<HttpSample>> = Object.fromEntries(clients.map(({ name }) => [name, []]))
for (let round = 0; round < rounds; round++) {
  for (const client of stats.shuffled(clients)) {
    samples[client.name]?.push(await quiet.whenQuiet(noise, () => sample(client), 2))
  }
}

await close()
server.disconnect()
report({ samples, bases: Object.fromEntries(clients.map(({ base, name }) => [name, base])), noise })
