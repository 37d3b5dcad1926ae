/** Webhooks with an outbox: an event is in the same transaction as its order, and a durable call delivers it after crashes. */
import { ClusterWorkflowEngine, SingleRunner, Singleton } from "@effect/cluster"
import { FetchHttpClient, HttpClientRequest } from "@effect/platform"
import { SqlClient } from "@effect/sql"
import { LibsqlClient } from "@effect/sql-libsql"
import { Activity, Workflow } from "@effect/workflow"
import { DurableHttp } from "@reprise/durable"
import { HttpRetry } from "@reprise/http"
import { FaultServer, Reply } from "@reprise/testing"
import { Clock, Effect, Layer, Schema } from "effect"
import { createHmac } from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"

/** The order and its event are written together, or neither is. */
const payOrder = (order: string, receiver: string) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    const event = { id: `evt-${order}`, url: receiver, body: JSON.stringify({ type: "order.paid", order }) }
    yield* sql`INSERT INTO orders ${sql.insert({ id: order, state: "paid" })}`
    yield* sql`INSERT INTO outbox ${sql.insert({ ...event, state: "new" })}`
  }).pipe((write) => Effect.flatMap(SqlClient.SqlClient, (sql) => sql.withTransaction(write)))

const Event = { id: Schema.String, url: Schema.String, body: Schema.String }

/** The id of the row is the id of the call, so a row that is relayed twice is one call. */
const Delivery = Workflow.make({ name: "Delivery", payload: Event, idempotencyKey: ({ id }) => id })
  // If the database is away while a row is marked, the engine runs the workflow again. Otherwise the defect would end it.
  .annotate(Workflow.CaptureDefects, false)

/** The secret is in memory only, and each attempt has a new signature. */
const signature = (id: string, body: string) =>
  Effect.map(Clock.currentTimeMillis, (now) => ({
    "webhook-timestamp": `${now}`,
    "webhook-signature": createHmac("sha256", "secret").update(`${id}.${now}.${body}`).digest("base64")
  }))

const DeliveryLive = Delivery.toLayer(({ body, id, url }) =>
  Effect.gen(function*() {
    const state = yield* DurableHttp.execute({
      name: "send",
      request: HttpClientRequest.post(url, { headers: { "webhook-id": id } }).pipe(
        HttpClientRequest.bodyText(body, "application/json")
      ),
      headers: signature(id, body),
      idempotencyKey: { header: "webhook-id" },
      retry: HttpRetry.exponential({ attempts: 5, base: "20 millis" })
    }).pipe(
      Effect.as("delivered"),
      Effect.catchAll(({ failure, reason }) => Effect.succeed(`failed: ${failure?.status ?? reason}`))
    )
    const sql = yield* SqlClient.SqlClient
    const mark = sql`UPDATE outbox SET state = ${state} WHERE id = ${id}`
    yield* Activity.make({ name: "mark", execute: Effect.orDie(Effect.asVoid(mark)) })
  })
)

/** Starts a call for each new row. `Singleton` runs it on one runner, however many there are. */
const RelayLive = Singleton.make(
  "OutboxRelay",
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql<Schema.Struct.Type<typeof Event>>`SELECT id, url, body FROM outbox WHERE state = 'new'`
    for (const row of rows) {
      yield* Delivery.execute(row, { discard: true })
      // After a crash between the two, the call is started again, which changes nothing. It may have ended already.
      yield* sql`UPDATE outbox SET state = 'started' WHERE id = ${row.id} AND state = 'new'`
    }
  }).pipe(
    // The next round does what this one could not.
    Effect.catchAllCause((cause) => Effect.logWarning("The relay failed", cause)),
    Effect.delay("50 millis"),
    Effect.forever
  )
)

const DatabaseLive = (file: string) => LibsqlClient.layer({ url: `file:${file}`, intMode: "bigint" })

/** The defaults poll every 10 seconds. */
const EngineLive = ClusterWorkflowEngine.layer.pipe(
  Layer.provideMerge(SingleRunner.layer({
    runnerStorage: "memory",
    shardingConfig: { entityMessagePollInterval: "100 millis" }
  }))
)

const WorkerLive = Layer.merge(DeliveryLive, RelayLive).pipe(
  Layer.provide(EngineLive),
  Layer.provide(FetchHttpClient.layer)
)

const tables = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE orders (id TEXT PRIMARY KEY, state TEXT NOT NULL)`
  yield* sql`CREATE TABLE outbox (id TEXT PRIMARY KEY, url TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL)`
})

const outbox = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql<{ id: string; state: string }>`SELECT id, state FROM outbox ORDER BY id`
)

const ended = Effect.repeat(Effect.delay(outbox, "20 millis"), {
  until: (rows) => rows.every(({ state }) => state !== "new" && state !== "started")
})

const temporary = Effect.acquireRelease(
  Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "reprise-outbox-"))),
  (folder) => Effect.promise(() => Fs.rm(folder, { recursive: true, force: true }))
)

export const program = Effect.gen(function*() {
  const receiver = yield* FaultServer.make()
  const gone = yield* FaultServer.make({ always: Reply.respond({ status: 410 }) })
  yield* receiver.script(Reply.respond({ status: 503 }), Reply.reset())
  const file = Path.join(yield* temporary, "shop.sqlite")

  // This process ends after the transactions, before a relay has seen the outbox.
  const paidTwice = yield* Effect.gen(function*() {
    yield* tables
    yield* payOrder("1", receiver.url)
    yield* payOrder("2", gone.url)
    return yield* Effect.isFailure(payOrder("1", receiver.url))
  }).pipe(Effect.provide(DatabaseLive(file)))

  const rows = yield* ended.pipe(Effect.provide(WorkerLive.pipe(Layer.provideMerge(DatabaseLive(file)))))

  const requests = yield* receiver.requests
  return {
    refusesSecondPayment: paidTwice,
    outbox: rows.map(({ id, state }) => `${id} ${state}`),
    requests: requests.length,
    ids: [...new Set(requests.map(({ headers }) => headers["webhook-id"]))],
    signatures: new Set(requests.map(({ headers }) => headers["webhook-signature"])).size
  }
}).pipe(Effect.scoped)
