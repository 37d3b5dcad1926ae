import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"

const program = HttpClient.get("https://example.com").pipe(Effect.flatMap((response) => response.text))

Effect.runFork(program.pipe(Effect.provide(FetchHttpClient.layer)))
