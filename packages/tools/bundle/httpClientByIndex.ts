import { FetchHttpClient, HttpClient } from "@effect/platform"
import { Effect } from "effect"

const program = HttpClient.get("https://example.com").pipe(Effect.flatMap((response) => response.text))

Effect.runFork(program.pipe(Effect.provide(FetchHttpClient.layer)))
