/** All pages of a list as one stream. A page that fails is asked for again; those before it are not. */
import { FetchHttpClient, HttpClient } from "@effect/platform"
import { HttpResilience, ResilientHttpClient } from "@reprise/http"
import { FaultServer, Reply } from "@reprise/testing"
import { Chunk, Effect, Layer, Option, Schema, Stream } from "effect"

const Page = Schema.Struct({ items: Schema.Array(Schema.String), next: Schema.NullOr(Schema.String) })

const HttpLive = ResilientHttpClient.layer(
  ResilientHttpClient.standard({
    // A page that is cut in the middle is a failed attempt too.
    readBodies: HttpResilience.readBodies()
  })
).pipe(Layer.provide(FetchHttpClient.layer))

const items = (origin: string) =>
  Stream.paginateChunkEffect("/items", (path) =>
    HttpClient.get(origin + path).pipe(
      Effect.flatMap((response) => response.json),
      Effect.flatMap(Schema.decodeUnknown(Page)),
      Effect.map(({ items, next }) => [Chunk.fromIterable(items), Option.fromNullable(next)] as const)
    ))

const page = (next: string | null, ...items: ReadonlyArray<string>) => Reply.json({ items, next })

export const program = Effect.gen(function*() {
  const server = yield* FaultServer.make()
  const second = page(null, "c")
  yield* server.script(page("/items?page=2", "a", "b"), Reply.truncate(second), second)
  const all = yield* Stream.runCollect(items(server.url))
  return { all: [...all], paths: (yield* server.requests).map(({ path }) => path) }
}).pipe(Effect.scoped, Effect.provide(HttpLive))
