import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpResilience from "@reprise/http/HttpResilience"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import axios from "axios"
import axiosRetry from "axios-retry"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import got from "got"
import ky from "ky"
import * as http from "node:http"
import pRetry from "p-retry"
import * as undici from "undici"
import * as cockatielStack from "./cockatielStack.js"
import * as effectStack from "./effectStack.js"
import { numbers, type Parts, type Tagged } from "./stacks.js"

/** A client under test: `run` sends `requests` GETs, `concurrency` at a time, and reads every body. */
export interface Client {
  readonly name: string
  /** What its cost is compared with. */
  readonly base: string
  readonly run: (requests: number, concurrency: number) => Promise<void>
}

const schedule = Schedule.intersect(Schedule.exponential("100 millis"), Schedule.recurs(3))

type Stage = (client: HttpClient.HttpClient) => HttpClient.HttpClient.With<HttpClientError | Tagged>

/** What is put over one and the same client of Effect. The names are the rows of the report. */
export const stages: Record<string, Stage> = {
  "Effect client": (client) => client,
  "+ retryTransient": HttpClient.retryTransient({ schedule }),
  "+ Effect.timeout": HttpClient.transformResponse(Effect.timeout("10 seconds")),
  "+ Effect.timeout + retryTransient": (client) =>
    client.pipe(HttpClient.transformResponse(Effect.timeout("10 seconds")), HttpClient.retryTransient({ schedule })),
  "+ layer({})": (client) => throughLayer(client, {}),
  "+ layer({ attemptTimeout })": (client) => throughLayer(client, { attemptTimeout: "10 seconds" }),
  "+ layer({ deadline })": (client) => throughLayer(client, { deadline: "30 seconds" }),
  "+ layer({ attemptTimeout, deadline })": (client) =>
    throughLayer(client, { attemptTimeout: "10 seconds", deadline: "30 seconds" }),
  "+ layer(standard())": (client) => throughLayer(client, ResilientHttpClient.standard()),
  "+ layer(standard({ bulkhead }))": (client) => throughLayer(client, ResilientHttpClient.standard({ bulkhead })),
  "+ Effect's own parts": (client) => throughOwnParts(client, { deadline: true }),
  "+ Effect's own parts, semaphore": (client) => throughOwnParts(client, { deadline: true, bulkhead: true })
}

const bulkhead = HttpResilience.bulkhead({ maxConcurrent: numbers.maxConcurrent })

const throughLayer = (client: HttpClient.HttpClient, options: ResilientHttpClient.Options): HttpClient.HttpClient =>
  Effect.runSync(
    Effect.provide(
      HttpClient.HttpClient,
      Layer.provide(ResilientHttpClient.layer(options), Layer.succeed(HttpClient.HttpClient, client))
    ).pipe(
      // The layer says what a row leaves out on purpose.
      Logger.withMinimumLogLevel(LogLevel.None)
    )
  )

const throughOwnParts = (client: HttpClient.HttpClient, parts: Parts) =>
  HttpClient.transformResponse(client, Effect.runSync(Effect.scoped(effectStack.make(parts))))

/** One fiber per place in flight; the effect of a request is built once, as in a program that keeps it in a constant. */
const inFibers = (one: Effect.Effect<unknown, unknown>, traced: boolean): Client["run"] => (requests, concurrency) => {
  let sent = 0
  const worker = Effect.whileLoop({ while: () => sent++ < requests, body: () => one, step: () => {} })
  return Effect.runPromise(
    Effect.all(Array.from({ length: concurrency }, () => worker), { concurrency: "unbounded", discard: true }).pipe(
      Effect.withTracerEnabled(traced)
    )
  )
}

const inPromises = (one: () => Promise<unknown>): Client["run"] => async (requests, concurrency) => {
  let sent = 0
  await Promise.all(Array.from({ length: concurrency }, async () => {
    while (sent++ < requests) await one()
  }))
}

const base = "Effect client"
const traced = "Effect client, traced"

const effectClients = async (url: string, scope: Scope.Scope): Promise<ReadonlyArray<Client>> => {
  const context = await Effect.runPromise(Layer.buildWithScope(NodeHttpClient.layerUndici, scope))
  const client = await Effect.runPromise(Effect.provide(HttpClient.HttpClient, context))
  const request = HttpClientRequest.get(url)
  const get = (stage: Stage) => Effect.flatMap(stage(client).execute(request), (response) => response.text)
  const full = stages["+ layer({ attemptTimeout, deadline })"] as Stage
  return [
    ...Object.entries(stages).map(([name, stage]) => ({ name, base, run: inFibers(get(stage), false) })),
    { name: traced, base: traced, run: inFibers(get((client) => client), true) },
    { name: "+ layer({ attemptTimeout, deadline }), traced", base: traced, run: inFibers(get(full), true) }
  ]
}

export interface Clients {
  readonly clients: ReadonlyArray<Client>
  readonly close: () => Promise<void>
}

export const make = async (url: string): Promise<Clients> => {
  const scope = Effect.runSync(Scope.make())
  const agent = new http.Agent({ keepAlive: true })
  const plain = axios.create({ httpAgent: agent, responseType: "text" })
  const retrying = axios.create({ httpAgent: agent, responseType: "text" })
  axiosRetry(retrying, { retries: 3 })
  const policy = cockatielStack.make({ deadline: true })
  const peers: Array<readonly [name: string, base: string, one: () => Promise<unknown>]> = [
    ["undici.request", "undici.request", async () => (await undici.request(url)).body.text()],
    [
      "cockatiel + undici.request",
      "undici.request",
      () => policy.execute(async () => (await undici.request(url)).body.text())
    ],
    ["fetch", "fetch", async () => (await fetch(url)).text()],
    ["p-retry + fetch", "fetch", () => pRetry(async () => (await fetch(url)).text(), { retries: 3 })],
    ["ky", "fetch", () => ky(url, { retry: 3, timeout: 10_000 }).text()],
    [
      "got",
      "undici.request",
      () => got(url, { agent: { http: agent }, retry: { limit: 3 }, timeout: { request: 10_000 } })
    ],
    ["axios", "axios", () => plain.get(url)],
    ["axios-retry", "axios", () => retrying.get(url)]
  ]
  return {
    clients: [
      ...await effectClients(url, scope),
      ...peers.map(([name, base, one]) => ({ name, base, run: inPromises(one) }))
    ],
    close: async () => {
      agent.destroy()
      await Effect.runPromise(Scope.close(scope, await Effect.runPromiseExit(Effect.void)))
      await undici.getGlobalDispatcher().destroy()
    }
  }
}
