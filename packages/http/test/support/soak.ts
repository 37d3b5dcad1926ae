/** Very many calls with every fault, interruption and guard at once: what is left of them afterwards. */
import type { HttpClient } from "@effect/platform"
import { HttpClientRequest } from "@effect/platform"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Array, Cause, Deferred, Effect, Fiber, Layer, Logger, LogLevel, Option, Random, Schedule } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { DeadlineExceeded } from "reprise/Deadline"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import * as Services from "../../../reprise/test/services.js"
import * as HttpFailure from "../../src/HttpFailure.js"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as HttpRetry from "../../src/HttpRetry.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { quick, type Transport } from "./wire.js"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const long = "x".repeat(100_000)
const text = Reply.respond({ body: "a body of some length" })
const respond = (status: number, headers: Record<string, string> = {}, body = "the reason") =>
  Reply.respond({ status, headers, body })

const faults: ReadonlyArray<Reply.Reply> = [
  respond(503),
  respond(503, {}, long),
  respond(503, { "retry-after": "0" }),
  respond(503, { "retry-after": "0.03" }),
  respond(429, { "retry-after": "0.02" }),
  respond(429, {}, long),
  respond(500),
  respond(502, { connection: "close" }),
  respond(504),
  respond(404),
  respond(404, {}, long),
  respond(304),
  respond(302, { location: "/elsewhere" }),
  Reply.truncate(text),
  Reply.truncate(text, { by: "reset" }),
  Reply.truncate(respond(503, {}, long)),
  Reply.hangBody(text),
  Reply.hangBody(respond(200, {}, long)),
  Reply.hangBody(respond(503, {}, long)),
  Reply.hangBody(respond(404)),
  Reply.reset(),
  Reply.reset("responseHead"),
  Reply.reset("responseBody"),
  Reply.fin(),
  Reply.fin("responseHead"),
  Reply.hang(),
  Reply.hang("responseHead"),
  Reply.malformed("badChunkSize"),
  Reply.malformed("headerOverflow"),
  Reply.delay(text, "40 millis"),
  Reply.delay(respond(503), "40 millis"),
  Reply.dribble(text, { pieces: 5, gap: "5 millis" }),
  Reply.early(respond(503))
]

const fine: ReadonlyArray<Reply.Reply> = [
  text,
  respond(200, {}, long),
  respond(204, {}, ""),
  Reply.framing(text, "chunked"),
  Reply.framing(text, "close"),
  Reply.closeAfter(text),
  Reply.delay(text, "5 millis")
]

const chance = (probability: number) => Effect.map(Random.next, (random) => random < probability)
const pick = <A>(values: ReadonlyArray<A>) => Effect.map(Random.nextIntBetween(0, values.length), (i) => values[i]!)

/** How many attempts may run at once, and how many calls do: some of them make a second attempt beside the first. */
const most = 40
const workers = 28

const options = (): ResilientHttpClient.Options => ({
  retry: quick(3),
  attemptTimeout: "150 millis",
  deadline: "1 second",
  idempotencyKeys: true,
  budget: HttpRetry.budget(RetryBudget.share({ ratio: 1, minPerSecond: 1_000 })),
  gate: HttpResilience.retryAfterGate({ max: "100 millis" }),
  breaker: HttpResilience.circuitBreaker({
    trip: Tripping.consecutive(5),
    openFor: Schedule.spaced("20 millis"),
    onOpen: "wait"
  }),
  bulkhead: HttpResilience.bulkhead({ maxConcurrent: most, maxQueued: 20 }),
  adaptiveLimiter: HttpResilience.adaptiveLimiter({
    algorithm: { initial: null, next: () => null, limit: () => most },
    maxQueued: 20
  }),
  rateLimiter: HttpResilience.rateLimiter({ limit: 100_000, window: "1 second" }),
  hedge: HttpResilience.hedge({ after: "20 millis" })
})

const request = (url: string) =>
  Effect.map(pick(["GET", "PUT", "POST"] as const), (method) =>
    method === "GET"
      ? HttpClientRequest.get(url)
      : HttpClientRequest.make(method)(url).pipe(HttpClientRequest.bodyText("5 EUR")))

/** The response of a failure is the caller's: who does not want it has to let go of it. */
const release = (error: unknown) => {
  const last = error instanceof DeadlineExceeded ? Option.getOrUndefined(error.last) : error
  return HttpFailure.isHttpFailure(last) && "response" in last && last.response !== undefined
    ? Effect.ignore(Effect.timeout(last.response.text, "50 millis"))
    : Effect.void
}

/** One call, which is interrupted at some moment, or not. */
const call = (client: HttpClient.HttpClient.With<unknown>, url: string) =>
  Effect.gen(function*() {
    const one = yield* request(url)
    const read = (yield* chance(0.5))
      ? HttpResilience.executeAndRead(client, one, (response) => response.text)
      // No deadline of the client bounds a body that is read after the call.
      : Effect.flatMap(client.execute(one), (response) => Effect.timeout(response.text, "150 millis"))
    const fiber = yield* Effect.fork(Effect.tapError(read, release))
    if (yield* chance(0.3)) {
      yield* Effect.sleep(yield* Random.nextIntBetween(0, 60))
      return yield* Fiber.interrupt(fiber)
    }
    return yield* Fiber.await(fiber)
  })

/** What a soak has come to. Nothing of it may be left over. */
export interface Soaked {
  readonly outcomes: Readonly<Record<string, number>>
  readonly requests: number
  /** The fibers of the calls that still run. */
  readonly fibers: number
  /** The connections that no later request has used, and that nobody has closed. */
  readonly connections: number
  /** How many calls got through at once when all was over. It is 40 if no permit was lost. */
  readonly admitted: number
  /** Bytes on the heap and in buffers at the end, compared with halfway. */
  readonly grownBytes: number
  readonly seconds: number
}

const outcome = (exit: Effect.Effect.Success<ReturnType<typeof call>>): string => {
  if (exit._tag === "Success") return "success"
  const error = Cause.failureOption(exit.cause)
  if (Option.isSome(error)) return (error.value as { readonly _tag: string })._tag
  return Cause.isInterruptedOnly(exit.cause) ? "Interrupt" : "Die"
}

/** How many of as many calls as may run at once are under way together. */
const together = (client: HttpClient.HttpClient.With<unknown>, server: FaultServer.FaultServer) =>
  Effect.gen(function*() {
    const all = yield* Deferred.make<void>()
    let underWay = 0
    let highest = 0
    yield* server.always(() =>
      Effect.suspend(() => {
        highest = Math.max(highest, ++underWay)
        return underWay === most ? Deferred.succeed(all, undefined) : Deferred.await(all)
      }).pipe(
        Effect.timeoutOption("100 millis"),
        Effect.map(() => {
          underWay--
          return Reply.closeAfter(Reply.ok)
        })
      )
    )
    const one = Effect.exit(Effect.flatMap(client.get(server.url), ({ text }) => text))
    yield* Effect.all(Array.makeBy(most, () => one), { concurrency: "unbounded" })
    return highest
  })

/** The half of the calls, and then as many as fit at once: they use every idle connection, and the server closes it. */
const half = (client: HttpClient.HttpClient.With<unknown>, server: FaultServer.FaultServer, calls: number) =>
  Effect.gen(function*() {
    const outcomes: Record<string, number> = {}
    let left = calls
    const one = Effect.map(call(client, server.url), (exit) => {
      const name = outcome(exit)
      outcomes[name] = (outcomes[name] ?? 0) + 1
    })
    const worker = Effect.whileLoop({ while: () => left-- > 0, body: () => one, step: () => {} })
    yield* server.always(() => Effect.flatMap(chance(0.7), (isFine) => pick(isFine ? fine : faults)))
    yield* Effect.all(Array.makeBy(workers, () => worker), { concurrency: "unbounded", discard: true })
    // The circuit and the gate may be closed to calls for a little while.
    yield* server.always(Reply.closeAfter(Reply.ok))
    yield* Effect.retry(client.get(server.url), Schedule.spaced("50 millis"))
    // A response is drained without a permit, so that there may be more connections than permits.
    yield* together(client, server)
    // On a busy machine not all of them arrive in time. A lost permit is missing each time.
    const admitted = yield* Effect.repeat(together(client, server), { until: (many) => many === most, times: 20 })
    yield* Effect.ignore(Effect.timeout(server.awaitClosed(), "5 seconds"))
    return { outcomes, admitted, connections: (yield* server.connections).open }
  })

const heldBytes = Effect.promise(async () => {
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    collect()
  }
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
})

/** So many calls over a transport. */
export const soak = (transport: Transport, calls: number, seed: string) =>
  Effect.gen(function*() {
    const running = new Services.FiberCount()
    const began = performance.now()
    let requests = 0
    const server = yield* FaultServer.make({ keep: 10 })
    const client = yield* ResilientHttpClient.ResilientHttpClient
    const run = running.of(half(client, server, calls / 2))
    const first = yield* run
    const before = yield* heldBytes
    const second = yield* run
    requests = (yield* server.requests).at(-1)!.index + 1
    const soaked: Soaked = {
      outcomes: second.outcomes,
      requests,
      fibers: running.running,
      connections: Math.max(first.connections, second.connections),
      admitted: Math.min(first.admitted, second.admitted),
      grownBytes: (yield* heldBytes) - before,
      seconds: (performance.now() - began) / 1_000
    }
    return soaked
  }).pipe(
    Effect.provide(Layer.provide(ResilientHttpClient.layerTyped(options()), transport)),
    Effect.withRandom(Random.make(seed)),
    Logger.withMinimumLogLevel(LogLevel.Fatal)
  )
