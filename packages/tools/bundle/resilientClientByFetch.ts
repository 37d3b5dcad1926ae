import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import * as Effect from "effect/Effect"

const get = HttpClient.HttpClient.pipe(
  Effect.map(ResilientHttpClient.make()),
  Effect.flatMap((client) => client.get("https://example.com"))
)

Effect.runFork(Effect.provide(get, FetchHttpClient.layer))
